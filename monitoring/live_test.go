package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"wildcard-egress/monitoring/scrape"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/poll"
)

const (
	alerts    = "../metrics/alerts.yaml"
	committed = "../examples/monitoring/dashboard.json"
	policy    = `
version: 1
rules:
- {name: wikipedia, hosts: ["*.wikipedia.org"]}
- {name: trial, mode: shadow, hosts: [cloud.ibm.com]}
`
)

func TestTheDashboardIsAsThisPackageHasIt(t *testing.T) {
	want, err := render()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(committed); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is another (%v); make dashboard writes it", committed, err)
	}
}

func TestAlertsFireAndKeepSilent(t *testing.T) {
	out, err := exec.Command("promtool", "test", "rules", "alerts_test.yaml").CombinedOutput()
	if err != nil {
		t.Errorf("promtool (Debian: apt-get install prometheus): %v\n%s", err, out)
	}
}

// onlyInIstio is a series that Istio's agent adds to those of its Envoy.
const onlyInIstio = "istio_agent_cert_expiry_seconds"

var metricName = regexp.MustCompile(`\b(?:envoy|istio)_\w+(?:\{[^}]*\})?`)

// Each expression, of the dashboard and of the alerts, finds in a live gateway what
// it asks for: names, labels and values are as it has them.
func TestExpressionsFindTheirSeries(t *testing.T) {
	p := startPrometheus(t)
	for _, rule := range alertRules(t) {
		t.Run(rule.Alert, func(t *testing.T) {
			if _, err := ask(p, rule.Expr); err != nil {
				t.Fatal(err)
			}
			for _, selector := range metricName.FindAllString(rule.Expr, -1) {
				if n, err := ask(p, selector); (n == 0 || err != nil) && !strings.HasPrefix(selector, onlyInIstio) {
					t.Errorf("a live gateway has no series %s (%v)", selector, err)
				}
			}
		})
	}
	for _, row := range rows {
		for _, panel := range row.panels {
			for _, q := range panel.queries {
				t.Run(panel.title+": "+q.legend, func(t *testing.T) {
					expr := strings.NewReplacer("$job", ".+", "$__rate_interval", "5m").Replace(q.expr)
					poll.Want(t, func() error { // until there were two scrapes of it
						n, err := ask(p, expr)
						if err == nil && n == 0 {
							err = fmt.Errorf("nothing for %s", expr)
						}
						return err
					})
				})
			}
		}
	}
}

func alertRules(t *testing.T) []struct{ Alert, Expr string } {
	t.Helper()
	text, err := os.ReadFile(alerts)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	return file.Groups[0].Rules
}

// startPrometheus starts one beside a gateway that works.
func startPrometheus(t *testing.T) *scrape.Prometheus {
	t.Helper()
	env := testenv.Start(t, testenv.Options{Policy: policy, WithoutSidecar: true})
	rules, err := filepath.Abs(alerts)
	if err != nil {
		t.Fatal(err)
	}
	p, err := scrape.Start(t.TempDir(), env.Gateway.AdminAddr(), rules)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		log, err := p.Stop()
		if err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log)
		}
	})
	// Connections before and between the scrapes.
	work(t, env)
	poll.Want(t, func() error {
		n, err := ask(p, `envoy_wildcard_egress_bytes_sent_count{rule="wikipedia"}`)
		if err == nil && n == 0 {
			err = errors.New("not scraped yet")
		}
		return err
	})
	work(t, env)
	return p
}

// work has connections allowed, refused, failed and reported by a shadow rule.
func work(t *testing.T, env *testenv.Env) {
	t.Helper()
	if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cloud.ibm.com", "missing.wikipedia.org"} {
		if _, err := env.GetDirect(env.App(), name); err == nil {
			t.Fatalf("a session with %s", name)
		}
	}
}

// ask returns how many numbers an expression has now.
func ask(p *scrape.Prometheus, expr string) (int, error) {
	found, err := p.Query(expr)
	n := 0
	for _, series := range found {
		if series.Value[1] != "NaN" {
			n++
		}
	}
	return n, err
}
