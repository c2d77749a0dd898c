package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

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
	most := 0.0
	for _, id := range ids {
		for _, column := range first.Columns {
			s, _ := all.get(id).of(column)
			most = max(most, s.High)
		}
	}
	c, y := newCanvas(title, first.Unit), linearScale(most)
	c.grid(y)
	c.legend(first.Columns)
	group := (plotRight - plotLeft) / float64(len(ids))
	width := group * 0.86 / float64(len(first.Columns))
	for i, id := range ids {
		left := plotLeft + group*(float64(i)+0.07)
		for k, column := range first.Columns {
			s, _ := all.get(id).of(column)
			x := left + width*float64(k)
			c.box(x+1, y.y(s.Median), width-2, plotBottom-y.y(s.Median), colours[column])
			c.line(x+width/2, y.y(s.Low), x+width/2, y.y(s.High), "#222", 1.2)
			c.text(x+width/2, min(y.y(s.Median), y.y(s.High))-4, "middle", 11, number(s.Median))
		}
		c.text(plotLeft+group*(float64(i)+0.5), plotBottom+20, "middle", 13, labels[i])
	}
	return append(drawn, chart{file, first.Section, title, c.finish()})
}

// appendLines adds a chart with a line for each proxy whose growth was measured.
func (all figures) appendLines(drawn []chart, id, title string) []chart {
	var kinds []string
	var sizes []string
	least, most, unit, section := 0.0, 0.0, "", ""
	for _, kind := range []string{ours, legacy, haproxy, nginx} {
		f := all.get("growth-" + kind + "-" + id)
		if f == nil {
			continue
		}
		kinds, sizes, unit = append(kinds, kind), f.Columns, f.Unit
		if section == "" {
			section = f.Section
		}
		for _, size := range sizes {
			s, _ := f.of(size)
			if most = max(most, s.Median); least == 0 || s.Median < least {
				least = s.Median
			}
		}
	}
	if len(kinds) == 0 {
		return drawn
	}
	c, y := newCanvas(title, unit), logScale(least, most)
	c.grid(y)
	c.legend(kinds)
	x := func(i int) float64 { // by the size's logarithm
		part := math.Log(sizeOf(sizes[i])/sizeOf(sizes[0])) / math.Log(max(2, sizeOf(sizes[len(sizes)-1])/sizeOf(sizes[0])))
		return plotLeft + 60 + part*(plotRight-plotLeft-140)
	}
	for _, kind := range kinds {
		f := all.get("growth-" + kind + "-" + id)
		for i, size := range sizes {
			s, _ := f.of(size)
			if i > 0 {
				before, _ := f.of(sizes[i-1])
				c.line(x(i-1), y.y(before.Median), x(i), y.y(s.Median), colours[kind], 2)
			}
			c.dot(x(i), y.y(s.Median), colours[kind])
			if i == len(sizes)-1 {
				c.text(x(i)+10, y.y(s.Median)+4, "start", 11, number(s.Median))
			}
		}
	}
	for i := range sizes {
		c.text(x(i), plotBottom+20, "middle", 13, sizes[i]+" hosts")
	}
	return append(drawn, chart{fmt.Sprintf("growth-%s", id), section, title, c.finish()})
}

// sizeOf reads what grouped has written.
func sizeOf(column string) float64 {
	n, _ := strconv.ParseFloat(strings.ReplaceAll(column, ",", ""), 64)
	return n
}
