package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// The canvas of a chart, in pixels.
const (
	chartWidth  = 860.0
	chartHeight = 360.0
	plotLeft    = 70.0
	plotRight   = 840.0
	plotTop     = 70.0
	plotBottom  = 310.0
)

// colours are told apart by most colour-blind readers (after Okabe and Ito).
var colours = map[string]string{
	floor: "#bbbbbb", limit: "#777777", ours: "#0072b2", unaided: "#56b4e9", legacy: "#d55e00", terse: "#f5b48a", article: "#cc79a7",
	haproxy: "#009e73", nginx: "#e69f00",
}

// canvas collects the elements of an SVG.
type canvas struct{ strings.Builder }

func newCanvas(title, unit string) *canvas {
	c := &canvas{}
	fmt.Fprintf(c, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %.0f" font-family="sans-serif" font-size="12">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(c, `<rect width="%.0f" height="%.0f" fill="white"/>`+"\n", chartWidth, chartHeight)
	c.text(plotLeft, 24, "start", 15, title)
	c.text(plotLeft, 60, "start", 12, unit)
	return c
}

func (c *canvas) finish() []byte { return []byte(c.String() + "</svg>\n") }

func (c *canvas) text(x, y float64, anchor string, size int, text string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%.1f" text-anchor="%s" font-size="%d" fill="#222">%s</text>`+"\n", x, y, anchor, size, html.EscapeString(text))
}

func (c *canvas) line(x1, y1, x2, y2 float64, colour string, width float64) {
	fmt.Fprintf(c, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-width="%.1f"/>`+"\n", x1, y1, x2, y2, colour, width)
}

func (c *canvas) box(x, y, width, height float64, colour string) {
	fmt.Fprintf(c, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"/>`+"\n", x, y, width, height, colour)
}

func (c *canvas) dot(x, y float64, colour string) {
	fmt.Fprintf(c, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/>`+"\n", x, y, colour)
}

// legend names the series, from the left, under the title.
func (c *canvas) legend(series []string) {
	x := plotLeft + 70
	for _, s := range series {
		c.box(x, 38, 12, 12, colours[s])
		c.text(x+17, 48, "start", 12, s)
		x += 17 + 8*float64(len(s)) + 16
	}
}

// scale maps values to heights in the plot.
type scale struct {
	low, high float64
	log       bool
}

// linearScale begins at zero and ends at or above most, at a round number.
func linearScale(most float64) scale {
	return scale{high: niceStep(most) * math.Ceil(most/niceStep(most))}
}

// logScale ends at powers of ten.
func logScale(least, most float64) scale {
	return scale{low: math.Pow(10, math.Floor(math.Log10(least))), high: math.Pow(10, math.Ceil(math.Log10(most))), log: true}
}

func (s scale) y(v float64) float64 {
	part := (v - s.low) / (s.high - s.low)
	if s.log {
		part = math.Log10(v/s.low) / math.Log10(s.high/s.low)
	}
	return plotBottom - part*(plotBottom-plotTop)
}

func (s scale) ticks() []float64 {
	var ticks []float64
	if s.log {
		for v := s.low; v <= s.high*1.001; v *= 10 {
			ticks = append(ticks, v)
		}
		return ticks
	}
	step := niceStep(s.high)
	for v := 0.0; v <= s.high*1.001; v += step {
		ticks = append(ticks, v)
	}
	return ticks
}

// niceStep returns 1, 2 or 5 times a power of ten, four to ten of which reach most.
func niceStep(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most)))
	for _, step := range []float64{0.1, 0.2, 0.5, 1} {
		if most/(step*power) <= 10 {
			return step * power
		}
	}
	return power
}

func (c *canvas) grid(s scale) {
	for _, v := range s.ticks() {
		c.line(plotLeft, s.y(v), plotRight, s.y(v), "#dddddd", 1)
		c.text(plotLeft-8, s.y(v)+4, "end", 11, tick(v))
	}
}

func tick(v float64) string {
	if v >= 1 {
		return grouped(int(math.Round(v)))
	}
	return fmt.Sprintf("%.3g", v)
}
