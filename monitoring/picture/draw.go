package main

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"wildcard-egress/monitoring/scrape"
)

// In points: of a place of the grid, and of a legend beside its graph.
const (
	column, line = 37, 21
	legendWidth  = 155
	resolution   = 144 // pixels per inch: two per point
)

// palette is told apart by most colour-blind readers (after Okabe and Ito).
var palette = []color.RGBA{{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff},
	{0xe6, 0x9f, 0x00, 0xff}, {0x56, 0xb4, 0xe9, 0xff}}

var (
	dark, grey = color.Gray{0x22}, color.Gray{0x66}
	edge, grid = color.Gray{0xcc}, color.Gray{0xe4}
)

// series is a line of a graph: its parts, broken where there is no number.
type series struct {
	name  string
	parts []plotter.XYs
	last  float64
}

var label = regexp.MustCompile(`{{(\w+)}}`)

func newSeries(legend string, from scrape.Series) series {
	s := series{name: strings.TrimSpace(label.ReplaceAllStringFunc(legend, func(found string) string {
		return from.Metric[strings.Trim(found, "{}")]
	})), last: math.NaN()}
	before := math.Inf(-1)
	for _, v := range from.Values {
		x, _ := v[0].(float64)
		number, _ := v[1].(string)
		y, err := strconv.ParseFloat(number, 64)
		if err != nil || math.IsNaN(y) {
			continue
		}
		if x > before+1.5 {
			s.parts = append(s.parts, nil)
		}
		part := &s.parts[len(s.parts)-1]
		*part = append(*part, plotter.XY{X: x, Y: y})
		before, s.last = x, y
	}
	return s
}

// render returns the panels as a PNG.
func render(panels []panel, start, end time.Time) ([]byte, error) {
	height := 0.0
	for _, p := range panels {
		height = max(height, p.GridPos.Y+p.GridPos.H)
	}
	canvas := vgimg.NewWith(vgimg.UseWH(24*column, vg.Length(height*line)), vgimg.UseDPI(resolution))
	whole := draw.New(canvas)
	for _, p := range panels {
		at := vg.Rectangle{Min: vg.Point{X: vg.Length(p.GridPos.X * column), Y: vg.Length((height - p.GridPos.Y - p.GridPos.H) * line)}}
		at.Max = at.Min.Add(vg.Point{X: vg.Length(p.GridPos.W * column), Y: vg.Length(p.GridPos.H * line)})
		place := draw.Crop(draw.Canvas{Canvas: whole.Canvas, Rectangle: at}, 4, -4, 3, -3)
		if p.Type == "row" {
			place.FillText(style(11, dark, text.XLeft), vg.Point{X: place.Min.X + 2, Y: place.Min.Y + 1}, p.Title)
			continue
		}
		place.StrokeLines(draw.LineStyle{Color: edge, Width: 0.7}, append(corners(place.Rectangle), place.Min))
		place.FillText(style(9.5, dark, text.XLeft), vg.Point{X: place.Min.X + 8, Y: place.Max.Y - 15}, p.Title)
		slices.SortStableFunc(p.series, func(a, b series) int { return cmp.Compare(a.name, b.name) })
		if p.Type == "stat" {
			p.numbers(draw.Crop(place, 0, 0, 0, -18))
		} else {
			p.graph(draw.Crop(place, 8, -8, 6, -22), start, end)
		}
	}
	var b bytes.Buffer
	err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, indexed(canvas.Image()))
	return b.Bytes(), err
}

func corners(r vg.Rectangle) []vg.Point {
	return []vg.Point{r.Min, {X: r.Max.X, Y: r.Min.Y}, r.Max, {X: r.Min.X, Y: r.Max.Y}}
}

// numbers writes the newest values side by side, with names if there are some.
func (p *panel) numbers(c draw.Canvas) {
	width := c.Size().X / vg.Length(max(1, len(p.series)))
	for i, s := range p.series {
		at := vg.Point{X: c.Min.X + width*(vg.Length(i)+0.5), Y: c.Min.Y + 20}
		c.FillText(style(22, palette[2], text.XCenter), at, written(s.last, p.FieldConfig.Defaults.Unit))
		if len(p.series) > 1 {
			c.FillText(style(8, grey, text.XCenter), at.Sub(vg.Point{Y: 13}), s.name)
		}
	}
}

// graph draws the lines, and beside them their names and newest values.
func (p *panel) graph(c draw.Canvas, start, end time.Time) {
	unit, g := p.FieldConfig.Defaults.Unit, plot.New()
	horizontal := plotter.NewGrid()
	horizontal.Vertical.Color, horizontal.Horizontal = nil, draw.LineStyle{Color: grid, Width: 0.6}
	g.Add(horizontal)
	names := draw.Crop(c, c.Size().X-legendWidth, 0, 0, 0)
	for i, s := range p.series {
		tint := palette[i%len(palette)]
		for _, part := range s.parts {
			under := color.NRGBA{tint.R, tint.G, tint.B, 0x18}
			g.Add(&plotter.Line{XYs: part, LineStyle: draw.LineStyle{Color: tint, Width: 1.3}, FillColor: under})
		}
		y := names.Max.Y - 12 - vg.Length(i)*13
		names.FillPolygon(tint, corners(vg.Rectangle{Min: vg.Point{X: names.Min.X + 8, Y: y + 2}, Max: vg.Point{X: names.Min.X + 18, Y: y + 4.5}}))
		names.FillText(style(8, dark, text.XLeft), vg.Point{X: names.Min.X + 22, Y: y}, s.name)
		if !math.IsNaN(s.last) {
			names.FillText(style(8, grey, text.XRight), vg.Point{X: names.Max.X, Y: y}, written(s.last, unit))
		}
	}
	if len(p.series) == 0 {
		names.FillText(style(8, grey, text.XLeft), vg.Point{X: names.Min.X + 8, Y: names.Max.Y - 12}, "no data")
	}
	g.BackgroundColor = nil
	g.X.Min, g.X.Max, g.Y.Min = float64(start.Unix()), float64(end.Unix()), 0
	if g.Y.Max = g.Y.Max * 1.1; !(g.Y.Max > 0) { // nothing, or all of it 0
		g.Y.Max = 1
	}
	g.X.Padding, g.Y.Padding = 0, 0
	g.X.Tick.Marker, g.Y.Tick.Marker = plot.TickerFunc(times), plot.TickerFunc(func(least, most float64) []plot.Tick {
		return heights(most, unit)
	})
	for _, a := range []*plot.Axis{&g.X, &g.Y} {
		a.LineStyle.Color, a.Tick.LineStyle.Color, a.Tick.Length = edge, edge, 3
		a.Tick.Label.Font, a.Tick.Label.Color = sans(8), grey
	}
	g.Draw(draw.Crop(c, 0, -legendWidth, 0, 0))
}

func style(size vg.Length, c color.Color, align text.XAlignment) text.Style {
	return text.Style{Color: c, Font: sans(size), Handler: plot.DefaultTextHandler, XAlign: align}
}

func sans(size vg.Length) font.Font {
	return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size)
}

// indexed returns an image with its 256 commonest colours; others, of which letters
// have a few, become the nearest. It takes half the bytes.
func indexed(full image.Image) image.Image {
	count := map[color.Color]int{}
	r := full.Bounds()
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			count[full.At(x, y)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(count), func(a, b color.Color) int {
		r1, g1, b1, _ := a.RGBA()
		r2, g2, b2, _ := b.RGBA()
		return cmp.Or(count[b]-count[a], cmp.Compare(r1, r2), cmp.Compare(g1, g2), cmp.Compare(b1, b2))
	})
	few := image.NewPaletted(r, colours[:min(256, len(colours))])
	for _, c := range colours {
		count[c] = few.Palette.Index(c) // in place of the count
	}
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			few.SetColorIndex(x, y, uint8(count[full.At(x, y)]))
		}
	}
	return few
}
