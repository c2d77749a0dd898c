package envoys

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// adminClient is patient: a loaded machine is no failure.
var adminClient = &http.Client{Timeout: time.Minute}

// AdminAddr returns the host and port of the admin interface.
func (e *Envoy) AdminAddr() string { return e.admin }

// Admin returns the body of a GET, such as "/config_dump"; any status but 200
// is an error.
func (e *Envoy) Admin(path string) ([]byte, error) { return e.ask(http.MethodGet, path) }

// AdminPost is Admin with POST, which everything that changes Envoy wants.
func (e *Envoy) AdminPost(path string) ([]byte, error) { return e.ask(http.MethodPost, path) }

func (e *Envoy) ask(method, path string) ([]byte, error) {
	request, err := http.NewRequest(method, "http://"+e.admin+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := adminClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("envoy %s: %w", e.Name, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("envoy %s: %s: %w", e.Name, path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("envoy %s: %s: %s: %.200q", e.Name, path, response.Status, body)
	}
	return body, nil
}

// Listeners returns the host and port of each listener by its name.
func (e *Envoy) Listeners() (map[string]string, error) {
	body, err := e.Admin("/listeners?format=json")
	if err != nil {
		return nil, err
	}
	var answer struct {
		ListenerStatuses []struct {
			Name         string `json:"name"`
			LocalAddress struct {
				SocketAddress struct {
					Address   string `json:"address"`
					PortValue int    `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("envoy %s: /listeners: %w", e.Name, err)
	}
	listeners := map[string]string{}
	for _, l := range answer.ListenerStatuses {
		if a := l.LocalAddress.SocketAddress; a.Address != "" { // an internal listener has none
			listeners[l.Name] = net.JoinHostPort(a.Address, strconv.Itoa(a.PortValue))
		}
	}
	return listeners, nil
}

// Addr returns the host and port of the only listener, or of that called egress.
func (e *Envoy) Addr() (string, error) {
	listeners, err := e.Listeners()
	if err != nil {
		return "", err
	}
	if egress := listeners["egress"]; egress != "" {
		return egress, nil
	}
	addrs := slices.Collect(maps.Values(listeners))
	if len(addrs) != 1 {
		return "", fmt.Errorf("envoy %s: %d listeners, want one: %v", e.Name, len(addrs), listeners)
	}
	return addrs[0], nil
}

// Stats returns the counters and gauges whose names match the regular
// expression filter; "" returns all. Text and histograms are left out.
func (e *Envoy) Stats(filter string) (map[string]int64, error) {
	body, err := e.Admin("/stats?format=json&filter=" + url.QueryEscape(filter))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Stats []struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"stats"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("envoy %s: /stats: %w", e.Name, err)
	}
	stats := map[string]int64{}
	for _, s := range answer.Stats {
		var value int64
		if s.Name != "" && json.Unmarshal(s.Value, &value) == nil {
			stats[s.Name] = value
		}
	}
	return stats, nil
}

// Stat returns one counter or gauge; 0 if Envoy does not have it (yet).
func (e *Envoy) Stat(name string) (int64, error) {
	stats, err := e.Stats("^" + regexp.QuoteMeta(name) + "$")
	return stats[name], err
}
