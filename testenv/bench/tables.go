package main

import (
	"fmt"
	"slices"
	"strings"
)

// smallest is the growth tables' first column, and what its others are compared with.
const smallest = "10"

// markdown returns a table for each section, behind the charts of the section.
func (all figures) markdown(charts []chart) string {
	var b strings.Builder
	section := ""
	for _, f := range all {
		if f.Section != section {
			section = f.Section
			fmt.Fprintf(&b, "\n### %s\n\n", section)
			for _, c := range charts {
				if c.section == section {
					fmt.Fprintf(&b, "![%s](benchmarks/%s.svg)\n\n", c.title, c.file)
				}
			}
			fmt.Fprintf(&b, "| | %s |\n%s|\n", strings.Join(f.Columns, " | "), strings.Repeat("|---", len(f.Columns)+1))
		}
		f.writeRows(&b, all.columns(section))
	}
	return b.String()
}

// columns returns those of a section's first figure.
func (all figures) columns(section string) []string {
	i := slices.IndexFunc(all, func(f *figure) bool { return f.Section == section })
	return all[i].Columns
}

// writeRows writes the medians, and a row of ratios for each base.
func (f *figure) writeRows(b *strings.Builder, columns []string) {
	title := f.Title
	if f.Unit != "" {
		title += ", " + f.Unit
	}
	row(b, "**"+title+"**", columns, func(c string) string {
		s, ok := f.of(c)
		switch {
		case !ok:
			return ""
		case len(f.Samples[c]) < 2 || f.Sum:
			return number(s.Median)
		}
		return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Low), number(s.High))
	})
	for _, base := range []string{floor, legacy, smallest} {
		if x, ok := f.ratio(base, base); !ok || x.Median != 1 || len(f.Columns) < 2 {
			continue
		}
		row(b, "to "+base, columns, func(c string) string {
			x, ok := f.ratio(c, base)
			switch {
			case !ok:
				return ""
			case c == base:
				return "1"
			case len(f.Samples[c]) < 2:
				return ratio(x.Median)
			}
			return ratio(x.Median) + " (" + ratio(x.Low) + "–" + ratio(x.High) + ")"
		})
	}
}

func row(b *strings.Builder, title string, columns []string, cell func(string) string) {
	fmt.Fprintf(b, "| %s |", title)
	for _, c := range columns {
		fmt.Fprintf(b, " %s |", cell(c))
	}
	b.WriteString("\n")
}

// number writes three digits, or all of a whole number.
func number(v float64) string {
	switch {
	case v == float64(int64(v)) || v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
