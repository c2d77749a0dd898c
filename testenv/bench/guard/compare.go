package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/perf/benchfmt"
)

// guarded are the units that must not grow, and by which factor they may
// before it counts: another compiler version moves an instruction or two.
var guarded = map[string]float64{"allocs/op": 1, "B/op": 1.02, "instructions/op": 1.02}

// key is one figure of one benchmark.
type key struct{ name, unit string }

// compare returns an error that names each guarded figure that has grown or is gone.
func compare(before, now []byte) error {
	old, err := largest(before)
	if err != nil {
		return err
	}
	fresh, err := largest(now)
	if err != nil {
		return err
	}
	if len(old) == 0 {
		return errors.New("no committed figures; write them: make bench-guard UPDATE=1")
	}
	var errs []error
	for _, k := range slices.SortedFunc(maps.Keys(old), func(a, b key) int { return bytes.Compare([]byte(a.name+a.unit), []byte(b.name+b.unit)) }) {
		got, ok := fresh[k]
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("%s: %s is not measured any more", k.name, k.unit))
		case got > old[k]*guarded[k.unit]:
			errs = append(errs, fmt.Errorf("%s: %v %s, was %v", k.name, got, k.unit, old[k]))
		}
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New("if it has to be so, commit it: make bench-guard UPDATE=1"))
	}
	return errors.Join(errs...)
}

// largest returns the largest sample of each guarded figure.
func largest(text []byte) (map[key]float64, error) {
	most := map[key]float64{}
	for r := benchfmt.NewReader(bytes.NewReader(text), "figures"); r.Scan(); {
		switch record := r.Result().(type) {
		case *benchfmt.Result:
			for _, v := range record.Values {
				if _, ok := guarded[v.Unit]; ok {
					k := key{string(record.Name), v.Unit}
					most[k] = max(most[k], v.Value)
				}
			}
		case *benchfmt.SyntaxError:
			return nil, record
		}
	}
	return most, nil
}
