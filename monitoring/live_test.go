package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

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
			if _, err := p.ask(rule.Expr); err != nil {
				t.Fatal(err)
			}
			for _, selector := range metricName.FindAllString(rule.Expr, -1) {
				if n, err := p.ask(selector); (n == 0 || err != nil) && !strings.HasPrefix(selector, onlyInIstio) {
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
						n, err := p.ask(expr)
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

// server is a Prometheus that scrapes a gateway each second.
type server struct{ url string }

// startPrometheus starts one, from PATH, beside a gateway that works.
func startPrometheus(t *testing.T) server {
	t.Helper()
	env := testenv.Start(t, testenv.Options{Policy: policy, WithoutSidecar: true})
	dir := t.TempDir()
	rules, err := filepath.Abs(alerts)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%q]\n"+
		"scrape_configs: [{job_name: gateway, metrics_path: /stats/prometheus, static_configs: [{targets: [%q]}]}]\n", rules, env.Gateway.AdminAddr())
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	cmd := exec.Command("prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("prometheus (Debian: apt-get install prometheus): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // the data are of no use
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	p := server{"http://" + addr}
	// Connections before and between the scrapes.
	work(t, env)
	poll.Want(t, func() error {
		n, err := p.ask(`envoy_wildcard_egress_bytes_sent_count{rule="wikipedia"}`)
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

func freeAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

var client = &http.Client{Timeout: 10 * time.Second}

// ask returns how many numbers an expression has now.
func (p server) ask(expr string) (int, error) {
	response, err := client.Get(p.url + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []struct{ Value [2]any } }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if answer.Status != "success" {
		return 0, fmt.Errorf("%s: %s", expr, answer.Error)
	}
	n := 0
	for _, series := range answer.Data.Result {
		if series.Value[1] != "NaN" {
			n++
		}
	}
	return n, nil
}
