package main

import (
	"math"
	"slices"
)

// figure is one measured quantity: for each column, a proxy or a size, a
// sample per round. The samples of one round were taken one right after the
// other, so that their ratio holds while the machine's speed does not.
type figure struct {
	ID      string `json:"id"`
	Section string `json:"section"` // where it stands in the report
	Title   string `json:"title"`
	Unit    string `json:"unit"`
	// Alone is set where a ratio to another column would say nothing.
	Alone bool `json:"alone,omitempty"`
	// Sum is set where the rounds add up, such as failures.
	Sum     bool                 `json:"sum,omitempty"`
	Columns []string             `json:"columns"` // in the order of their first samples
	Samples map[string][]float64 `json:"samples"`
}

// figures are kept in the order in which they were first measured.
type figures []*figure

// add adds a sample to the figure of that id.
func (all *figures) add(f figure, column string, sample float64) {
	known := all.get(f.ID)
	if known == nil {
		known = &f
		known.Samples = map[string][]float64{}
		*all = append(*all, known)
	}
	if _, ok := known.Samples[column]; !ok {
		known.Columns = append(known.Columns, column)
	}
	known.Samples[column] = append(known.Samples[column], sample)
}

// get returns a figure by its id; nil if it was not measured.
func (all figures) get(id string) *figure {
	i := slices.IndexFunc(all, func(f *figure) bool { return f.ID == id })
	if i < 0 {
		return nil
	}
	return all[i]
}

// spread is a median and the quartiles around it.
type spread struct{ Low, Median, High float64 }

// of returns a column's spread, or its sum; false if it was not measured.
func (f *figure) of(column string) (spread, bool) {
	samples := f.Samples[column]
	if f.Sum && len(samples) > 0 {
		sum := 0.0
		for _, s := range samples {
			sum += s
		}
		return spread{sum, sum, sum}, true
	}
	return spreadOf(samples)
}

// ratio returns the spread of the ratios of column to base, round by round. It
// is false if one of them was not measured in each round.
func (f *figure) ratio(column, base string) (spread, bool) {
	a, b := f.Samples[column], f.Samples[base]
	if f.Sum || f.Alone || len(a) != len(b) {
		return spread{}, false
	}
	var ratios []float64
	for i := range a {
		if b[i] != 0 {
			ratios = append(ratios, a[i]/b[i])
		}
	}
	return spreadOf(ratios)
}

func spreadOf(samples []float64) (spread, bool) {
	if len(samples) == 0 {
		return spread{}, false
	}
	sorted := slices.Sorted(slices.Values(samples))
	return spread{quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)}, true
}

// quantile interpolates between the two nearest of the sorted samples.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	low := int(math.Floor(at))
	if low+1 >= len(sorted) {
		return sorted[low]
	}
	part := at - float64(low)
	return sorted[low]*(1-part) + sorted[low+1]*part
}
