package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/logs"
)

// attempt is one thing that a client tries, and what must come of it.
type attempt struct {
	what string
	try  func(*testenv.Env) outcome
	want outcome
}

// outcome is what came of an attempt. why is a rule or a reason.
type outcome struct {
	site string // that answered; empty if refused
	why  string
	err  error // what the client saw; not compared
}

func (o outcome) matches(want outcome) bool { return o.site == want.site && o.why == want.why }

// articleRequests are the three of the article. With passthrough the third
// leaves as it does there: directly, not through the gateway.
func articleRequests(unlisted string) []attempt {
	third := outcome{why: "sidecar: blocked"}
	if unlisted == "passthrough" {
		third = outcome{site: "cloud.ibm.com", why: "sidecar: passthrough"}
	}
	return []attempt{
		{what: "https://en.wikipedia.org/", try: throughSidecar("en.wikipedia.org"),
			want: outcome{site: "en.wikipedia.org", why: "rule wikipedia"}},
		{what: "https://de.wikipedia.org/", try: throughSidecar("de.wikipedia.org"),
			want: outcome{site: "de.wikipedia.org", why: "rule wikipedia"}},
		{what: "https://cloud.ibm.com/", try: throughSidecar("cloud.ibm.com"), want: third},
	}
}

// attacks go round the sidecar. None may reach a site or ask DNS.
var attacks = []attempt{
	{
		what: "no client certificate, SNI en.wikipedia.org",
		try: func(env *testenv.Env) outcome {
			return direct(env, client.Outer{}, "en.wikipedia.org")
		},
		want: outcome{why: "no client certificate"},
	},
	{
		what: "client certificate, unlisted SNI cloud.ibm.com",
		try: func(env *testenv.Env) outcome {
			return direct(env, env.App(), "cloud.ibm.com")
		},
		want: outcome{why: "no_rule"},
	},
	{
		what: "outer SNI en.wikipedia.org, inner SNI cloud.ibm.com",
		try: func(env *testenv.Env) outcome {
			outer := env.App()
			outer.ServerName = "en.wikipedia.org"
			return direct(env, outer, "cloud.ibm.com")
		},
		want: outcome{why: "no_rule"},
	},
}

// throughSidecar asks as the application does. The sidecar's log tells which
// of its chains took the connection; if it is the gateway's, so does that log.
func throughSidecar(name string) func(*testenv.Env) outcome {
	return func(env *testenv.Env) outcome {
		conn, err := env.DialSidecar()
		if err != nil {
			return outcome{err: err}
		}
		from := logs.From(conn.LocalAddr())
		site, clientErr := ask(env, conn, name)
		entry, err := env.SidecarLog.Wait(from)
		if err != nil {
			return outcome{site: site, err: err}
		}
		if chain := entry.Get("filter_chain_name"); chain != "to_gateway" {
			return outcome{site: site, why: "sidecar: " + chain, err: clientErr}
		}
		return decided(env, logs.Named(name), site, clientErr)
	}
}

// direct asks as somebody who has found a way round the sidecar.
func direct(env *testenv.Env, outer client.Outer, name string) outcome {
	conn, err := env.DialGateway(outer)
	if err != nil {
		return outcome{err: err}
	}
	from := logs.From(conn.LocalAddr())
	if outer.Certificate == nil {
		if err := awaitRefusal(conn); err != nil {
			conn.Close()
			return decided(env, from, "", err)
		}
	}
	site, clientErr := ask(env, conn, name)
	return decided(env, from, site, clientErr)
}

// awaitRefusal returns the alert of a server that wants a certificate. In TLS
// 1.3 it comes after the handshake, and a write before it is read may lose it.
func awaitRefusal(conn client.Conn) error {
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return conn.SetReadDeadline(time.Now().Add(time.Minute)) // it was let in: go on
}

// decided adds the rule or the reason from the gateway's access log.
func decided(env *testenv.Env, match func(logs.Entry) bool, site string, clientErr error) outcome {
	entry, err := env.GatewayLog.Wait(match)
	if err != nil {
		return outcome{site: site, err: err}
	}
	return decision(entry, site, clientErr)
}

func decision(entry logs.Entry, site string, clientErr error) outcome {
	why := entry.Get("reason")
	switch {
	case strings.Contains(entry.Get("downstream_transport_failure_reason"), "PEER_DID_NOT_RETURN_A_CERTIFICATE"):
		why = "no client certificate"
	case entry.Get("decision") == "allow":
		why = "rule " + entry.Get("rule")
	}
	return outcome{site: site, why: why, err: clientErr}
}

// ask runs the inner TLS session with name over conn.
func ask(env *testenv.Env, conn client.Conn, name string) (site string, err error) {
	defer conn.Close()
	var inner *tls.Conn
	if inner, err = env.Handshake(conn, name); err != nil {
		return "", err
	}
	if site, err = client.Ask(inner); err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	return site, inner.Close()
}
