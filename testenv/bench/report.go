package main

import (
	_ "embed"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed report.md.tmpl
var reportText string

// report writes benchmarks.md, its charts and the samples to dir, and scale.md
// if all that it needs was measured.
func (r *run) report(dir string) error {
	charts := r.figures.charts()
	t, err := template.New("report").Parse(reportText)
	if err != nil {
		return err
	}
	var text strings.Builder
	err = t.Execute(&text, map[string]any{
		"Machine": r.machine(), "Bars": r.figures.barTable(), "Sections": r.figures.markdown(charts),
		"Names": names, "Clients": r.plan.clients, "Connections": r.plan.connections,
		"Rounds": r.plan.rounds, "Generations": r.plan.generations, "Drain": drainTime,
	})
	if err != nil {
		return err
	}
	samples, err := json.Marshal(r.figures)
	if err != nil {
		return err
	}
	pictures := filepath.Join(dir, "benchmarks")
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		return err
	}
	for _, c := range charts {
		if err := os.WriteFile(filepath.Join(pictures, c.file+".svg"), c.svg, 0o644); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(pictures, "samples.json"), append(samples, '\n'), 0o644); err != nil {
		return err
	}
	plan, err := r.figures.scale()
	if err != nil {
		return err
	}
	if plan != "" {
		if err := os.WriteFile(filepath.Join(dir, "scale.md"), []byte(plan), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "benchmarks.md"), []byte(text.String()), 0o644)
}
