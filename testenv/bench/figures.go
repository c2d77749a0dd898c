package main

import (
	"math"
	"slices"
)

// figure is one measured quantity: for each proxy a sample per round. The
// samples of one round were taken one right after the other, so that their
// ratio stays good while the machine's speed does not.
type figure struct {
	ID      string               `json:"id"`
	Title   string               `json:"title"`
	Unit    string               `json:"unit"`
	Samples map[string][]float64 `json:"samples"` // by proxy
}

// figures are kept in the order in which they were first measured.
type figures []*figure

// add adds a sample to the figure of that id.
func (all *figures) add(f figure, proxy string, sample float64) {
	i := slices.IndexFunc(*all, func(known *figure) bool { return known.ID == f.ID })
	if i < 0 {
		f.Samples = map[string][]float64{}
		i = len(*all)
		*all = append(*all, &f)
	}
	(*all)[i].Samples[proxy] = append((*all)[i].Samples[proxy], sample)
}

// spread is a median and the quartiles around it.
type spread struct{ Low, Median, High float64 }

// of returns the spread of a proxy's samples.
func (f *figure) of(proxy string) (spread, bool) { return spreadOf(f.Samples[proxy]) }

// ratio returns the spread of the ratios of proxy to base, round by round. It
// is false if one of them was not measured.
func (f *figure) ratio(proxy, base string) (spread, bool) {
	a, b := f.Samples[proxy], f.Samples[base]
	if len(a) != len(b) {
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
