package main

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/ztunnel"
)

// ambientRequests are the article's. ztunnel lets all through to the gateway.
var ambientRequests = []attempt{
	{what: "https://en.wikipedia.org/", try: throughZtunnel("en.wikipedia.org"), want: outcome{site: "en.wikipedia.org", why: "rule wikipedia"}},
	{what: "https://de.wikipedia.org/", try: throughZtunnel("de.wikipedia.org"), want: outcome{site: "de.wikipedia.org", why: "rule wikipedia"}},
	{what: "https://cloud.ibm.com/", try: throughZtunnel("cloud.ibm.com"), want: outcome{why: "no_rule"}},
}

// ambientAttacks go to the gateway's port on loopback, where only ztunnel should be.
var ambientAttacks = []attempt{
	{what: "no PROXY header, SNI en.wikipedia.org", try: raw(nil), want: outcome{why: "reset"}},
	{what: "PROXY version 1", try: raw([]byte("PROXY TCP4 10.0.0.7 240.250.0.1 40000 443\r\n")), want: outcome{why: "reset"}},
	{what: "a header of LOCAL, with a caller", try: raw(header(ztunnel.CommandLocal)), want: outcome{why: "no_rule"}},
	{what: "a header for port 22", try: raw(headerFor(22)), want: outcome{why: "no_rule"}},
}

func throughZtunnel(name string) func(*testenv.Env) outcome {
	return func(env *testenv.Env) outcome {
		conn, err := env.DialSidecar()
		if err != nil {
			return outcome{err: err}
		}
		site, clientErr := ask(env, conn, name)
		return decided(env, logs.Named(name), site, clientErr)
	}
}

func header(command byte) []byte {
	h := ztunnel.HeaderOf(certs.AppID, netip.MustParseAddrPort("10.0.0.7:40000"), netip.AddrPortFrom(client.VIP, 443))
	h.Command = command
	return h.Bytes()
}

func headerFor(port uint16) []byte {
	return ztunnel.HeaderOf(certs.AppID, netip.MustParseAddrPort("10.0.0.7:40000"), netip.AddrPortFrom(client.VIP, port)).Bytes()
}

// raw writes bytes before a session with en.wikipedia.org.
func raw(first []byte) func(*testenv.Env) outcome {
	return func(env *testenv.Env) outcome {
		before, err := env.GatewayLog.Entries()
		if err != nil {
			return outcome{err: err}
		}
		tcp, err := net.DialTimeout("tcp", env.GatewayAddr, client.DialTimeout)
		if err != nil {
			return outcome{err: err}
		}
		_ = tcp.SetDeadline(time.Now().Add(client.DialTimeout))
		if _, err := tcp.Write(first); err != nil {
			tcp.Close()
			return outcome{err: err}
		}
		site, clientErr := ask(env, tcp.(*net.TCPConn), "en.wikipedia.org")
		entry, err := env.GatewayLog.WaitBeyond(len(before))
		if err != nil {
			return outcome{site: site, err: err}
		}
		o := decision(entry, site, clientErr)
		if o.why == "" && o.site == "" && errors.Is(o.err, clientErr) {
			o.why = "reset"
		}
		return o
	}
}
