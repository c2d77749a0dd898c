// Package scrape runs a Prometheus that scrapes one gateway each second.
package scrape

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"wildcard-egress/testenv/procs"
)

// Prometheus is one that runs.
type Prometheus struct {
	url     string
	process *procs.Process
	log     bytes.Buffer
}

// Start starts the one in PATH, with its files in dir; gateway is the address of the
// admin interface, rules are files. It may not listen yet. The caller stops it.
func Start(dir, gateway string, rules ...string) (*Prometheus, error) {
	if rules == nil {
		rules = []string{}
	}
	config, err := json.Marshal(map[string]any{ // JSON is YAML
		"global":     map[string]string{"scrape_interval": "1s", "evaluation_interval": "1s"},
		"rule_files": rules,
		"scrape_configs": []any{map[string]any{"job_name": "gateway", "metrics_path": "/stats/prometheus",
			"static_configs": []any{map[string]any{"targets": []string{gateway}}}}},
	})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := listener.Addr().String()
	listener.Close() // it takes no listener, but an address
	p := &Prometheus{url: "http://" + addr}
	cmd := exec.Command("prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr = &p.log, &p.log
	if p.process, err = procs.Start(cmd); err != nil {
		return nil, fmt.Errorf("prometheus (Debian: apt-get install prometheus): %w", err)
	}
	return p, nil
}

// Stop ends it and returns what it logged.
func (p *Prometheus) Stop() (log string, err error) {
	err = p.process.Stop()
	return p.log.String(), err
}

var client = &http.Client{Timeout: 10 * time.Second}

// Series is one of an answer: a value of Query, the values of Range. Each is a time
// and a number as text.
type Series struct {
	Metric map[string]string
	Value  [2]any
	Values [][2]any
}

// Query returns what an expression has now.
func (p *Prometheus) Query(expr string) ([]Series, error) {
	return p.get("query", url.Values{"query": {expr}})
}

// Range returns what it had from start to end, each second.
func (p *Prometheus) Range(expr string, start, end time.Time) ([]Series, error) {
	return p.get("query_range", url.Values{"query": {expr}, "step": {"1"},
		"start": {start.UTC().Format(time.RFC3339)}, "end": {end.UTC().Format(time.RFC3339)}})
}

func (p *Prometheus) get(what string, values url.Values) ([]Series, error) {
	response, err := client.Get(p.url + "/api/v1/" + what + "?" + values.Encode())
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []Series }
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if answer.Status != "success" {
		return nil, fmt.Errorf("%s: %s", values.Get("query"), answer.Error)
	}
	return answer.Data.Result, nil
}
