package main

import (
	"math"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
)

// written are values as units of Grafana have them.
func written(v float64, unit string) string {
	switch unit {
	case "percentunit":
		return short(100*v) + " %"
	case "ms":
		if v >= 1000 {
			return short(v/1000) + " s"
		}
	case "Bps":
		if v >= 1000 {
			return short(v/1000) + " kB/s"
		}
		return short(v) + " B/s"
	}
	return strings.TrimSpace(short(v) + map[string]string{"cps": " c/s", "ops": " ops/s", "ms": " ms", "s": " s"}[unit])
}

// short has three digits, or all before the point.
func short(v float64) string {
	digits := max(0, 2-int(math.Floor(math.Log10(max(math.Abs(v), 0.01)))))
	return strconv.FormatFloat(math.Round(v*math.Pow10(digits))/math.Pow10(digits), 'f', -1, 64)
}

// times are the half minutes.
func times(least, most float64) (ticks []plot.Tick) {
	for x := math.Ceil(least/30) * 30; x <= most; x += 30 {
		ticks = append(ticks, plot.Tick{Value: x, Label: time.Unix(int64(x), 0).UTC().Format("15:04:05")})
	}
	return ticks
}

// heights are some four round numbers.
func heights(most float64, unit string) (ticks []plot.Tick) {
	step := math.Pow10(int(math.Floor(math.Log10(most / 3))))
	for _, by := range []float64{2, 2.5, 2} { // 1, 2, 5, 10
		if most/step > 4.5 {
			step *= by
		}
	}
	for y := 0.0; y <= most; y += step {
		ticks = append(ticks, plot.Tick{Value: y, Label: written(y, unit)})
	}
	return ticks
}
