// Command picture draws the dashboard with what a Prometheus has of a gateway after
// two minutes of traffic: make dashboard-picture calls it. It is no Grafana: it
// reads titles, queries, legends, units and places, and draws them by gonum/plot.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"wildcard-egress/monitoring/scrape"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/poll"
)

const (
	warm  = 20 * time.Second // before what is shown, so that rates are whole
	shown = 100 * time.Second
	// Of rates. Envoy updates its histograms every 5 s: from the first to the last of 16
	// scrapes there are always three updates. Grafana takes four scrapes, or more.
	window = "16s"
)

func main() {
	err := errors.New("usage: picture DASHBOARD.json PICTURE.png")
	if len(os.Args) == 3 {
		err = run(os.Args[1], os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// panel is what is read of Grafana's.
type panel struct {
	Type, Title string
	GridPos     struct{ X, Y, W, H float64 }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ Expr, LegendFormat string }

	series []series
}

func run(dashboard, file string) (err error) {
	text, err := os.ReadFile(dashboard)
	if err != nil {
		return err
	}
	var read struct{ Panels []panel }
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("%s: %w", dashboard, err)
	}
	env, err := testenv.New(context.Background(), testenv.Options{Policy: policy, Sites: hosts, WithoutSidecar: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, env.Close()) }()
	p, err := scrape.Start(env.Dir, env.Gateway.AdminAddr())
	if err != nil {
		return err
	}
	defer func() {
		_, stopped := p.Stop()
		err = errors.Join(err, stopped)
	}()
	if err := poll.For(time.Minute, func() error { _, err := p.Query("up"); return err }); err != nil {
		return err
	}
	end := time.Now().Add(warm + shown)
	work(env, end)
	for i := range read.Panels {
		if err := read.Panels[i].ask(p, end.Add(-shown), end); err != nil {
			return fmt.Errorf("%s: %w", read.Panels[i].Title, err)
		}
	}
	picture, err := render(read.Panels, end.Add(-shown), end)
	if err != nil {
		return err
	}
	return os.WriteFile(file, picture, 0o644)
}

func (p *panel) ask(from *scrape.Prometheus, start, end time.Time) error {
	for _, target := range p.Targets {
		expr := strings.NewReplacer("$job", ".+", "$__rate_interval", window).Replace(target.Expr)
		found, err := from.Range(expr, start, end)
		if err != nil {
			return err
		}
		for _, s := range found {
			p.series = append(p.series, newSeries(target.LegendFormat, s))
		}
	}
	return nil
}
