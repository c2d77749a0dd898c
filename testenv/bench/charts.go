package main

import (
	"bytes"
	"image/color"
	"math"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Of a chart, in points.
const (
	chartWidth  = 645
	chartHeight = 270
	legendWidth = 75
	groupsWidth = 505  // about, of all groups of bars
	groupShare  = 0.86 // of a group's width is its bars'
)

// colours are told apart by most colour-blind readers (after Okabe and Ito).
var colours = map[string]color.Color{
	floor: rgb(0xbb, 0xbb, 0xbb), limit: rgb(0x77, 0x77, 0x77), ours: rgb(0x00, 0x72, 0xb2), unaided: rgb(0x56, 0xb4, 0xe9), uncounted: rgb(0x00, 0x9e, 0x73), unlimited: rgb(0xf0, 0xe4, 0x42),
	legacy: rgb(0xd5, 0x5e, 0x00), terse: rgb(0xf5, 0xb4, 0x8a), article: rgb(0xcc, 0x79, 0xa7), haproxy: rgb(0x00, 0x9e, 0x73), nginx: rgb(0xe6, 0x9f, 0x00),
}

func rgb(red, green, blue uint8) color.Color {
	return color.RGBA{R: red, G: green, B: blue, A: 0xff}
}

// chart is a picture of some figures of one section.
type chart struct {
	file, section, title string
	svg                  []byte
}

// charts draws what was measured.
func (all figures) charts() []chart {
	var drawn []chart
	for _, c := range []struct {
		file, title string
		ids, labels []string
	}{
		{"cpu", "CPU per new connection, whole process, one worker",
			[]string{"cpu-full-1", "cpu-resumed-1", "cpu-plain-1"}, []string{"mTLS, full handshake", "mTLS, resumed", "plain TCP"}},
		{"cpu-2", "CPU per new connection, whole process, two workers",
			[]string{"cpu-full-2", "cpu-resumed-2", "cpu-plain-2"}, []string{"mTLS, full handshake", "mTLS, resumed", "plain TCP"}},
		{"latency", "Time from TCP connect to the upstream's first byte",
			[]string{"latency-full-1-p50", "latency-full-1-p99"}, []string{"p50", "p99"}},
		{"bulk", "CPU per GB relayed", []string{"bulk-full-1-up", "bulk-full-1-down"}, []string{"client to upstream", "upstream to client"}},
		{"memory", "Memory per connection", []string{"memory-full", "waiting-full"}, []string{"idle", "waiting for its hello"}},
	} {
		drawn = all.appendBars(drawn, c.file, c.title, c.ids, c.labels)
	}
	for _, c := range []struct{ id, title string }{
		{"start", "Start of the process until it is ready, by the number of hosts"},
		{"edit", "Live edit, until the first connection by it, by the number of hosts"},
		{"resident-edited", "Resident memory, by the number of hosts"},
		{"cpu", "CPU per connection, plain TCP, by the number of hosts"},
	} {
		drawn = all.appendLines(drawn, c.id, c.title)
	}
	return drawn
}

// appendBars adds a chart with a group of bars for each figure of ids, if they
// were measured. Whiskers are the quartiles.
func (all figures) appendBars(drawn []chart, file, title string, ids, labels []string) []chart {
	first := all.get(ids[0])
	if first == nil {
		return drawn
	}
	p, legend := newPlot(title, first.Unit)
	p.NominalX(labels...)
	p.X.Min, p.X.Max, p.Y.Min = -0.5, float64(len(ids))-0.5, 0
	width := groupShare / float64(len(first.Columns))
	for k, column := range first.Columns {
		left := width*(float64(k)+0.5) - groupShare/2
		bars := &plotter.BarChart{Color: colours[column], XMin: left, Width: vg.Length(width * groupsWidth / float64(len(ids)))}
		whiskers := &plotter.YErrorBars{LineStyle: plotter.DefaultLineStyle}
		var tops plotter.XYs
		var medians []string
		for i, id := range ids {
			s, _ := all.get(id).of(column)
			bars.Values = append(bars.Values, s.Median)
			whiskers.XYs = append(whiskers.XYs, plotter.XY{X: left + float64(i), Y: s.Median})
			whiskers.YErrors = append(whiskers.YErrors, struct{ Low, High float64 }{s.Median - s.Low, s.High - s.Median})
			tops, medians = append(tops, plotter.XY{X: left + float64(i), Y: s.High}), append(medians, number(s.Median))
		}
		p.Add(bars, whiskers, values(tops, medians, text.XCenter, vg.Point{Y: 3}))
		legend.Add(column, bars)
	}
	return append(drawn, chart{file, first.Section, title, svg(p, legend)})
}

// appendLines adds a chart with a line for each proxy whose growth was
// measured. Both scales are logarithmic: what is 0 is not on them.
func (all figures) appendLines(drawn []chart, id, title string) []chart {
	var p *plot.Plot
	var legend *plot.Legend
	section := ""
	for _, kind := range []string{ours, legacy, haproxy, nginx} {
		f := all.get("growth-" + kind + "-" + id)
		if f == nil {
			continue
		}
		var points plotter.XYs
		var sizes []plot.Tick
		for _, size := range f.Columns {
			sizes = append(sizes, plot.Tick{Value: sizeOf(size), Label: size + " hosts"})
			if s, _ := f.of(size); s.Median > 0 {
				points = append(points, plotter.XY{X: sizeOf(size), Y: s.Median})
			}
		}
		if len(points) == 0 {
			continue
		}
		if p == nil {
			p, legend = newPlot(title, f.Unit)
			section = f.Section
			p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.ConstantTicks(sizes)
			p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.TickerFunc(powersOfTen)
		}
		line := &plotter.Line{XYs: points, LineStyle: draw.LineStyle{Color: colours[kind], Width: 1.5}}
		dots := &plotter.Scatter{XYs: points, GlyphStyle: draw.GlyphStyle{Color: colours[kind], Radius: 3, Shape: draw.CircleGlyph{}}}
		last := points[len(points)-1:]
		p.Add(line, dots, values(last, []string{number(last[0].Y)}, text.XLeft, vg.Point{X: 8, Y: -3}))
		legend.Add(kind, line, dots)
	}
	if p == nil {
		return drawn
	}
	p.X.Min, p.X.Max = p.X.Min/2, p.X.Max*2
	p.Y.Min, p.Y.Max = math.Pow(10, math.Floor(math.Log10(p.Y.Min))), math.Pow(10, math.Floor(math.Log10(p.Y.Max))+1)
	return append(drawn, chart{"growth-" + id, section, title, svg(p, legend)})
}

// newPlot returns a plot with horizontal lines, and the legend beside it.
func newPlot(title, unit string) (*plot.Plot, *plot.Legend) {
	p, legend, lines := plot.New(), plot.NewLegend(), plotter.NewGrid()
	p.Title.Text, p.Y.Label.Text = title, unit
	p.Title.Padding, p.X.Tick.Length = 8, 0
	lines.Vertical.Color, lines.Horizontal = nil, draw.LineStyle{Color: rgb(0xdd, 0xdd, 0xdd), Width: 0.7}
	p.Add(lines)
	legend.Top, legend.Left, legend.Padding = true, true, 4
	for _, style := range []*text.Style{&p.Title.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &legend.TextStyle} {
		style.Font = sans(10)
	}
	return p, &legend
}

// values writes texts beside points.
func values(at plotter.XYs, texts []string, align text.XAlignment, offset vg.Point) *plotter.Labels {
	style := text.Style{Font: sans(8), Handler: plot.DefaultTextHandler, XAlign: align}
	return &plotter.Labels{XYs: at, Labels: texts, TextStyle: slices.Repeat([]text.Style{style}, len(at)), Offset: offset}
}

func sans(size vg.Length) font.Font {
	return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
}

// powersOfTen are ticks as all else is written: 10,000 and not 1e+04.
func powersOfTen(least, most float64) []plot.Tick {
	var ticks []plot.Tick
	for v := least; v <= most*1.001; v *= 10 {
		label := strconv.FormatFloat(v, 'g', 3, 64)
		if v >= 1 {
			label = grouped(int(math.Round(v)))
		}
		ticks = append(ticks, plot.Tick{Value: v, Label: label})
	}
	return ticks
}

func svg(p *plot.Plot, legend *plot.Legend) []byte {
	p.X.Padding, p.Y.Padding = 4, 0 // NominalX has set the second
	canvas := vgsvg.New(chartWidth, chartHeight)
	whole := draw.New(canvas)
	whole.SetColor(color.White) // behind the legend too
	whole.Fill(whole.Path())
	p.Draw(draw.Crop(whole, 4, -legendWidth, 4, -4))
	legend.Draw(draw.Crop(whole, chartWidth-legendWidth+8, 0, 0, -24))
	var b bytes.Buffer
	_, _ = canvas.WriteTo(&b)                                                                                 // memory takes it
	return bytes.ReplaceAll(b.Bytes(), []byte("Liberation Sans"), []byte("Liberation Sans,Arial,sans-serif")) // not all have the first
}

// sizeOf reads what grouped has written.
func sizeOf(column string) float64 {
	n, _ := strconv.ParseFloat(strings.ReplaceAll(column, ",", ""), 64)
	return n
}
