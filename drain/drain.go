// Package drain ends the work of a gateway without cutting its connections: what
// Istio's agent does for its proxies, for an Envoy that has none. At SIGTERM Envoy
// ends at once, with all that is open.
package drain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"syscall"
	"time"

	"wildcard-egress/internal/admin"
)

// Options say how long a drain takes.
type Options struct {
	Port  uint16        // of the gateway's listener, as its bootstrap names it
	Grace time.Duration // new connections are served on for so long, until nobody is sent here any more
	For   time.Duration // open connections may go on for so long, after Grace
}

const pause = 250 * time.Millisecond // between two looks at what is open

// Run makes the Envoy with this admin interface, HOST:PORT or a URL, not ready,
// then closes its inbound listener, and returns how many connections are left: at
// once when there are none, and after o.For in any case. Envoy goes on running. If it
// has no listener on o.Port, that is an error, and nothing has changed.
func Run(ctx context.Context, address string, o Options) (left int, err error) {
	envoy, err := admin.New(address)
	if err != nil {
		return 0, err
	}
	if _, err := open(ctx, envoy, o.Port); err != nil { // a wrong port changes nothing
		return 0, err
	}
	if _, err := envoy.Post(ctx, "/healthcheck/fail"); err != nil {
		return 0, err
	}
	if err := wait(ctx, o.Grace); err != nil {
		return 0, err
	}
	if _, err := envoy.Post(ctx, "/drain_listeners?inboundonly"); err != nil {
		return 0, err
	}
	for end := time.Now().Add(o.For); ; {
		left, err = open(ctx, envoy, o.Port)
		rest := time.Until(end)
		// Whoever waits for this would stop the gateway: one question that a busy one
		// leaves without an answer ends nothing, as long as somebody listens there.
		if err == nil && left == 0 || rest <= 0 || errors.Is(err, syscall.ECONNREFUSED) {
			return left, err
		}
		if err := wait(ctx, min(pause, rest)); err != nil {
			return left, err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// open is how many connections a listener has.
func open(ctx context.Context, envoy *admin.Client, port uint16) (int, error) {
	filter := fmt.Sprintf(`^listener\..*_%d\.downstream_cx_active$`, port)
	body, err := envoy.Get(ctx, "/stats?format=json&filter="+url.QueryEscape(filter))
	if err != nil {
		return 0, err
	}
	var answer struct {
		Stats []struct {
			Name  string `json:"name"`
			Value int    `json:"value"`
		} `json:"stats"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return 0, errors.New("not what Envoy's admin interface answers; check the address")
	}
	if len(answer.Stats) == 0 {
		return 0, fmt.Errorf("no listener on port %d: give the gateway's with --port", port)
	}
	total := 0
	for _, s := range answer.Stats {
		if !strings.Contains(s.Name, ".worker_") { // they are in the listener's
			total += s.Value
		}
	}
	return total, nil
}
