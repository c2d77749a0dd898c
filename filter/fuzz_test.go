package filter_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter"
	"wildcard-egress/filter/clienthello/hellotest"
)

// What may come between two pieces of a stream; other steps are lengths.
const (
	stepEnd      = 0xff // the client ends its side
	stepLeave    = 0xfe // the client is gone
	stepDeadline = 0xfd
)

// fuzzPolicies differ in all that a connection's end depends on.
var fuzzPolicies = []string{
	"",
	"version: 1\nrules: [{name: w, hosts: ['*.wikipedia.org']}]",
	"version: 1\nrules: [{name: w, hosts: ['*.wikipedia.org'], on_revoke: close, ports: [443, 8443]}]",
	"version: 1\ndefaults: {refusal: close, max_client_hello_bytes: 512}\nrules: [{name: w, hosts: ['*.wikipedia.org']}]",
	"version: 1\ndefaults: {refusal: reset, refuse_ech: true}\nrules: [{name: w, hosts: ['*.wikipedia.org']}]",
	"version: 1\ndefaults: {mode: shadow}\nrules: [{name: w, action: deny, mode: enforce, hosts: ['*.example.com']}]",
	"version: 1\nrules: [{name: w, hosts: ['*.wikipedia.org'], principals: ['spiffe://td/*']}]",
}

// FuzzFilter lets a connection live through any pieces, ends and events, and
// holds what must be true of each.
func FuzzFilter(f *testing.F) {
	var enforcers, proxied []*filter.Enforcer
	for _, text := range fuzzPolicies {
		for _, list := range []*[]*filter.Enforcer{&enforcers, &proxied} {
			e := enforcer(f, text)
			e.Log = slog.New(slog.DiscardHandler) // its rate limit is one of time
			*list = append(*list, e)
		}
		proxied[len(proxied)-1].Caller = filter.CallerProxyProtocol
	}
	for i, c := range hellotest.All() {
		if len(c.Bytes) < 3000 {
			f.Add(byte(i)|0x40, c.Bytes, []byte{byte(i), 5, 1, 200})
			f.Add(byte(i), c.Bytes, []byte{byte(i), 5, 1, 200, byte(0xf8 + i%8)})
		}
	}
	whole := hello(hellotest.Site)
	f.Add(byte(1), whole, []byte{stepEnd})
	f.Add(byte(1), whole, []byte{5, 4, stepDeadline})
	f.Add(byte(1), whole, []byte{200, stepLeave})
	f.Fuzz(func(t *testing.T, which byte, stream, steps []byte) {
		e := enforcers[int(which)%len(enforcers)]
		const caller = "spiffe://td/ns/x/sa/y"
		c := connection{uriSANs: []string{caller}, unconnected: which&0x80 != 0,
			outerServerName: "outbound_.8443_._.gateway"}
		if which&0x40 != 0 {
			e = proxied[int(which)%len(proxied)]
			c = connection{identity: caller, port: 8443, elsewhere: which&0x20 != 0, unconnected: which&0x80 != 0}
		}
		reason, continued := live(e.NewFilter(&c), &c, stream, steps)
		check(t, &c, continued)
		if reason != "" && c.said["reason"] != reason {
			t.Errorf("reason %q, want %q", c.said["reason"], reason)
		}
		if reason == "" { // nothing but bytes: how they are cut must not matter
			once := connection{uriSANs: c.uriSANs, unconnected: c.unconnected, outerServerName: c.outerServerName,
				identity: c.identity, port: c.port, elsewhere: c.elsewhere}
			feed(e.NewFilter(&once), &once, true, stream)
			if got, want := c.outcome(), once.outcome(); got != want {
				t.Errorf("in pieces %v\n got %s\nat once %s", steps, got, want)
			}
		}
	})
}

// live feeds the stream as the steps say, and the rest of it, until the filter
// decides. reason is what an event must lead to; empty: only bytes came.
func live(f api.DownstreamFilter, c *connection, stream, steps []byte) (reason string, continued bool) {
	f.OnNewConnection()
	steps = append(slices.Clone(steps), 0xfc, 0xfc, 0xfc, 0xfc)
	for i := 0; c.closed == "" && !continued; i++ {
		step := byte(0xfc)
		if i < len(steps) {
			step = steps[i]
		}
		switch {
		case step == stepLeave:
			f.OnEvent(api.RemoteClose)
			if c.unconnected {
				return "handshake_failed", false
			}
			return "incomplete", false
		case step == stepDeadline:
			f.(interface{ OnDeadline() }).OnDeadline()
			return "timeout", false
		case step == stepEnd && len(stream) > 0:
			// The end comes with the last bytes, or behind those that are there.
			n := min(len(stream), 1+int(steps[0]))
			ended := n < len(stream)
			continued = f.OnData(stream[:n], true) == api.NetworkFilterContinue
			if ended && c.said["reason"] == "incomplete" {
				return "incomplete", continued
			}
			stream = stream[n:]
		case len(stream) == 0: // must decide
			return "", f.OnData(nil, true) == api.NetworkFilterContinue
		default:
			n := min(len(stream), 1+int(step))
			continued = f.OnData(stream[:n], false) == api.NetworkFilterContinue
			stream = stream[n:]
		}
	}
	return "", continued
}

// check holds for every connection that has been decided.
func check(t *testing.T, c *connection, continued bool) {
	t.Helper()
	decisions := 0
	for name, n := range c.counts {
		if name == "allowed" || strings.HasPrefix(name, "denied.") {
			decisions += n
		}
	}
	allowed := c.said["decision"] == "allow"
	if c.elsewhere && (allowed || c.said["principal"] != "") {
		t.Errorf("from elsewhere than loopback: %s, principal %q", c.outcome(), c.said["principal"])
	}
	switch {
	case decisions != 1:
		t.Errorf("counted as %v, want one decision", c.counts)
	case continued != allowed || continued == (c.closed != ""):
		t.Errorf("continued %v, decision %q, closed %q: they contradict each other", continued, c.said["decision"], c.closed)
	case !allowed && (c.closed != c.said["reason"] || c.counts["denied."+c.closed] != 1):
		t.Errorf("closed with %q, reason %q, counted as %v", c.closed, c.said["reason"], c.counts)
	case allowed && (c.written != nil || c.state["envoy.upstream.dynamic_host"] != c.said["server_name"]):
		t.Errorf("allowed %q to %v, having written % x", c.said["server_name"], c.state, c.written)
	case c.written != nil && (len(c.written) != 7 || c.how != api.FlushWrite):
		t.Errorf("wrote % x, closed with %v; want one alert, flushed", c.written, c.how)
	}
	for key, value := range c.said {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) || key == "server_name" && len(value) > 255 {
			t.Errorf("text %s is %q: not to be shown", key, value)
		}
	}
	if host := c.state["envoy.upstream.dynamic_host"]; allowed && c.said["shadow_decision"] == "" && !strings.HasSuffix(host, ".wikipedia.org") {
		t.Errorf("%q passed, which no policy here allows", host)
	}
	if allowed && c.state["envoy.upstream.dynamic_port"] == "" {
		t.Error(fmt.Sprint("allowed without a port: ", c.state))
	}
}
