package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strings"
	"sync"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
)

const policy = `
version: 1
rules:
- {name: wikipedia, hosts: ["*.wikipedia.org"]}
- {name: payments, hosts: [api.stripe.com]}
- {name: storage, hosts: ["*.s3.amazonaws.com"]}
- {name: no-uploads, action: deny, hosts: [upload.wikipedia.org]}
- {name: trial, mode: shadow, hosts: [cloud.ibm.com]}
- {name: trial-of-a-ban, mode: shadow, action: deny, hosts: [de.wikipedia.org]}
`

var hosts = []string{"en.wikipedia.org", "de.wikipedia.org", "api.stripe.com", "logs.s3.amazonaws.com"}

// work opens connections until end, of each kind at a rate that goes up and down.
func work(env *testenv.Env, end time.Time) {
	env.DNS.Set("down.wikipedia.org", dns.Answer{Addrs: []netip.Addr{netip.MustParseAddr("127.99.99.99")}, TTL: 60})
	// Each lasts, and sends so many bytes to a path, in pieces.
	talk := func(host, path string, bytes, pieces int, pause time.Duration) func() {
		return func() {
			conn, err := env.DialDirect(env.App(), host)
			if err != nil {
				return // as it should be for some; the picture shows it
			}
			defer conn.Close()
			for range pieces {
				if _, err := client.Exchange(conn, path, strings.Repeat("x", bytes)); err != nil {
					return
				}
				time.Sleep(pause)
			}
		}
	}
	refused := func(host string) func() { return talk(host, "/", 0, 0, 0) }
	names := 0
	var running sync.WaitGroup
	for _, kind := range []struct {
		each, wave float64 // connections a second, on average; seconds
		connect    func()
	}{
		{5, 70, talk("en.wikipedia.org", "/echo", 4000, 4, 300*time.Millisecond)},
		{2, 45, talk("de.wikipedia.org", "/echo", 2000, 2, 200*time.Millisecond)},
		{3, 55, talk("api.stripe.com", "/echo", 500, 2, 50*time.Millisecond)},
		{1, 90, talk("logs.s3.amazonaws.com", "/", 30_000, 6, 700*time.Millisecond)},
		{1.5, 60, refused("cloud.ibm.com")},
		{1, 40, refused("upload.wikipedia.org")},
		{0.6, 80, refused("down.wikipedia.org")},
		{0.5, 50, func() { names++; refused(fmt.Sprintf("missing-%d.wikipedia.org", names))() }},
		{0.7, 65, func() { raw(env, "EHLO mail.example.org\r\n") }},
		{0.4, 35, func() { nameless(env) }},
	} {
		running.Go(func() {
			for start := time.Now(); time.Now().Before(end); {
				wave := 1 + 0.7*math.Sin(2*math.Pi*time.Since(start).Seconds()/kind.wave)
				time.Sleep(time.Duration(float64(time.Second) / (kind.each * wave)))
				if kind.each < 1 { // names is for one at a time
					kind.connect()
				} else {
					running.Go(kind.connect)
				}
			}
		})
	}
	running.Wait()
}

func raw(env *testenv.Env, text string) {
	conn, err := env.DialGateway(env.App())
	if err != nil {
		return
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err == nil {
		_, _ = io.Copy(io.Discard, conn) // until it is refused
	}
}

func nameless(env *testenv.Env) {
	conn, err := env.DialGateway(env.App())
	if err != nil {
		return
	}
	defer conn.Close()
	_ = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}).Handshake()
}
