package filter_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"wildcard-egress/filter"
)

const limited = `
version: 1
defaults:
	limits: {per_caller: {connections: 10, new_connections_per_second: 5, names: 4, new_names_per_second: 3}, total: {connections: 100}, connection_duration: 1h}
rules:
	- {name: plain, hosts: ["*.wikipedia.org"]}
	- {name: own, hosts: ["*.example.com"], limits: {per_caller: {connections: 7}, total: {connections: 20}, connection_duration: 1m}}
`

// Who a connection is counted for, and with what.
func TestConnectionIsCountedForItsParties(t *testing.T) {
	e := enforcer(t, limited)
	e.MaxConnections = 800
	app, address := "spiffe://td/ns/x/sa/y", "192.0.2.7"
	for _, tt := range []struct {
		host, caller string
		uriSANs      []string
		lasts        time.Duration
		more         []filter.Allowance
	}{
		{host: "en.wikipedia.org", uriSANs: []string{app}, caller: app, lasts: time.Hour},
		{host: "en.wikipedia.org", caller: address, lasts: time.Hour},
		{host: "en.wikipedia.org", uriSANs: []string{app, app}, caller: address, lasts: time.Hour},
		{host: "a.example.com", uriSANs: []string{app}, caller: app, lasts: time.Minute, more: []filter.Allowance{
			{Party: "rule\x00own", Connections: 20}, {Party: "rule caller\x00own\x00" + app, Connections: 7}}},
	} {
		c := connection{uriSANs: tt.uriSANs, address: address}
		feed(e.NewFilter(&c), &c, false, hello(tt.host))
		want := append([]filter.Allowance{
			{Party: "caller\x00" + tt.caller, Connections: 10, PerSecond: 5, Crowd: 600, Share: 13},
			{Party: "all", Connections: 100},
		}, tt.more...)
		if !slices.Equal(c.entered, want) || c.lasts != tt.lasts || c.said["decision"] != "allow" || !c.remembered {
			t.Errorf("%s by %s: %s, lasts %v, remembered %v, counted for\n%+v\nwant\n%+v", tt.host, tt.caller, c.outcome(), c.lasts, c.remembered, c.entered, want)
		}
	}
}

// Over a limit the connection is refused like any other, with the limit's name.
func TestOverALimitIsRefused(t *testing.T) {
	for _, tt := range []struct {
		room           filter.Room
		party          int
		reason, detail string
	}{
		{room: filter.NoConnections, party: 0, reason: "too_many_connections", detail: "per_caller"},
		{room: filter.NoConnections, party: 1, reason: "too_many_connections", detail: "total"},
		{room: filter.NoNewConnections, party: 2, reason: "too_many_new_connections", detail: "rule_total"},
		{room: filter.NoConnections, party: 3, reason: "too_many_connections", detail: "rule_per_caller"},
		{room: filter.NoMemory, party: 0, reason: "host_error"},
	} {
		c := connection{address: "192.0.2.7", room: func([]filter.Allowance) (filter.Room, int) { return tt.room, tt.party }}
		feed(enforcer(t, limited).NewFilter(&c), &c, false, hello("a.example.com"))
		if c.said["decision"] != "deny" || c.closed != tt.reason || c.said["rule"] != "own" || tt.detail != "" && c.said["detail"] != tt.detail ||
			len(c.written) != 7 || c.counts["denied."+tt.reason] != 1 || c.remembered {
			t.Errorf("room %d: %s, detail %q, counted %v; want %s of %s, and an alert", tt.room, c.outcome(), c.said["detail"], c.counts, tt.reason, tt.detail)
		}
	}
}

func TestOneCallersNewNamesAreNotAnothers(t *testing.T) {
	e := enforcer(t, limited)
	ask := func(address, name string) *connection {
		c := connection{address: address}
		feed(e.NewFilter(&c), &c, false, hello(name))
		return &c
	}
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		want := "allow"
		if i >= 4 {
			want = "deny"
		}
		if c := ask("192.0.2.1", name+".wikipedia.org"); c.said["decision"] != want || want == "deny" && (c.closed != "too_many_names" || c.said["detail"] != "per_caller") {
			t.Errorf("name %d: %s, detail %q; want %s", i, c.outcome(), c.said["detail"], want)
		}
	}
	for _, known := range []struct{ address, name string }{{"192.0.2.1", "a"}, {"192.0.2.2", "e"}} {
		if c := ask(known.address, known.name+".wikipedia.org"); c.said["decision"] != "allow" {
			t.Errorf("%s by %s: %s; want it allowed", known.name, known.address, c.outcome())
		}
	}
}

// In shadow mode it is reported each time, and let through.
func TestLimitInShadowModeIsReported(t *testing.T) {
	e := enforcer(t, strings.Replace(limited, "limits: {per_caller: {connections: 10", "limits: {mode: shadow, per_caller: {connections: 10", 1))
	for range 2 {
		c := connection{address: "192.0.2.1", room: func(allowances []filter.Allowance) (filter.Room, int) {
			switch {
			case allowances[0].Connections != 0:
				return filter.NoConnections, 0
			case allowances[1].Connections != 0:
				return filter.NoConnections, 1
			}
			return filter.WithinLimits, 0
		}}
		feed(e.NewFilter(&c), &c, false, hello("en.wikipedia.org"))
		if c.said["decision"] != "allow" || c.said["shadow_decision"] != "deny" || c.said["shadow_reason"] != "too_many_connections" ||
			c.said["shadow_rule"] != "plain" || c.remembered {
			t.Errorf("%s, %v, counted %v, remembered %v; want it allowed, and too_many_connections reported", c.outcome(), c.said, c.counts, c.remembered)
		}
	}
}
