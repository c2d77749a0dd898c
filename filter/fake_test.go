package filter_test

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter"
	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/document"
)

// connection is the one fake: it records what a filter does to its connection.
type connection struct {
	uriSANs         []string
	outerServerName string
	identity        string // of the PROXY header
	port            uint16
	elsewhere       bool // not over loopback
	ours            bool // dialled by the gateway itself
	unconnected     bool
	expired         bool
	address         string
	room            func([]filter.Allowance) (filter.Room, int) // nil: room for all
	refuseState     string                                      // the filter state key that Envoy refuses

	waits      int
	state      map[string]string
	said       map[string]string // the plain texts, without their prefix
	counts     map[string]int
	tracked    []string
	remembered bool
	entered    []filter.Allowance
	lasts      time.Duration
	written    []byte
	closed     string // the details; empty while open
	how        api.ConnectionCloseType
}

func (c *connection) Expired() bool              { return c.expired }
func (c *connection) WaitFor(n int)              { c.waits = n }
func (c *connection) Connected() bool            { return !c.unconnected }
func (c *connection) PeerURISANs() []string      { return c.uriSANs }
func (c *connection) RemoteAddress() string      { return c.address }
func (c *connection) LastAtMost(d time.Duration) { c.lasts = d }
func (c *connection) Enter(allowances []filter.Allowance) (filter.Room, int) {
	c.entered = allowances
	if c.room == nil {
		return filter.WithinLimits, 0
	}
	return c.room(allowances)
}
func (c *connection) RequestedServerName() string { return c.outerServerName }
func (c *connection) ProxyIdentity() string       { return c.identity }
func (c *connection) DestinationPort() uint16     { return c.port }
func (c *connection) OverLoopback() bool          { return !c.elsewhere }
func (c *connection) FromThisProcess() bool       { return c.ours }

func (c *connection) SetFilterState(key, value string) bool {
	if key == c.refuseState {
		return false
	}
	set(&c.state, key, value)
	return true
}

func (c *connection) SetText(key, value string) {
	set(&c.said, strings.TrimPrefix(key, "wildcard_egress."), value)
}

func (c *connection) Remember()               { c.remembered = true }
func (c *connection) Track(label string) bool { c.tracked = append(c.tracked, label); return true }
func (c *connection) Count(counter int) {
	if c.counts == nil {
		c.counts = map[string]int{}
	}
	c.counts[counterNames[counter]]++
}

// counterNames are made once: the benchmark is of the filter, not of them.
var counterNames = filter.Counters()

func (c *connection) Write(b []byte) { c.written = append(c.written, b...) }
func (c *connection) Close(details string, how api.ConnectionCloseType) {
	c.closed, c.how = details, how
}

func set(m *map[string]string, key, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[key] = value
}

// outcome is what became of a connection, in one line.
func (c *connection) outcome() string {
	return fmt.Sprintf("decision=%s reason=%s rule=%s host=%s:%s closed=%s alert=% x", c.said["decision"],
		c.said["reason"], c.said["rule"], c.state["envoy.upstream.dynamic_host"],
		c.state["envoy.upstream.dynamic_port"], c.closed, c.written)
}

func enforcer(t testing.TB, text string) *filter.Enforcer {
	t.Helper()
	p := compile(t, text)
	in := func() *policy.Policy { return p }
	return &filter.Enforcer{Names: new(filter.Names), Rules: new(filter.RuleLabels), Policy: in, Newest: in, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func compile(t testing.TB, text string) *policy.Policy {
	t.Helper()
	if text == "" {
		return nil
	}
	d, err := document.Parse("policy.yaml", []byte(strings.ReplaceAll(text, "\t", "  ")))
	if err != nil {
		t.Fatal(err)
	}
	return policy.Compile(d)
}

// feed gives a filter the pieces of a stream, as the host does: none after the
// decision, nil and end of stream last if the client ends.
func feed(f api.DownstreamFilter, c *connection, ends bool, pieces ...[]byte) {
	f.OnNewConnection()
	for _, piece := range pieces {
		if c.closed != "" || f.OnData(piece, false) == api.NetworkFilterContinue {
			return
		}
	}
	if ends && c.closed == "" {
		f.OnData(nil, true)
	}
}
