package clienthello_test

import (
	"crypto/tls"
	"errors"
	"strconv"
	"testing"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/clienthello/hellotest"
)

// fed keeps the compiler from leaving out what is measured.
var fed clienthello.Hello

// feedTo is a Feed whose result is looked at, as a host does it.
func feedTo(p *clienthello.Parser, b []byte) {
	if hello, err := p.Feed(b); !errors.Is(err, clienthello.ErrIncomplete) {
		fed = hello
	}
}

func BenchmarkFeed(b *testing.B) {
	browser := hellotest.Chrome(hellotest.Site)
	short := 2048 - len(browser.Message()) - 4
	browser.Extensions = append(browser.Extensions, hellotest.Padding(short))
	for _, bb := range []struct {
		name string
		raw  []byte
	}{
		{"browser-2KB", hellotest.Whole(browser.Message())},
		{"chrome", hellotest.Whole(hellotest.Chrome(hellotest.Site).Message())},
		{"firefox", hellotest.Whole(hellotest.Firefox(hellotest.Site).Message())},
		{"curl", hellotest.Whole(hellotest.Curl(hellotest.Site).Message())},
		{"go", goHello(b, &tls.Config{ServerName: hellotest.Site, NextProtos: []string{"h2"}})},
		{"refused-plain-text", []byte("GET / HTTP/1.1\r\n")},
		{"refused-no-server-name", hellotest.Whole(hellotest.Small().Message())},
	} {
		b.Run(bb.name, func(b *testing.B) {
			b.ReportMetric(float64(len(bb.raw)), "raw-bytes")
			b.ReportAllocs()
			for b.Loop() {
				var p clienthello.Parser
				feedTo(&p, bb.raw)
			}
		})
	}
}

// BenchmarkDribble feeds hellos of 16 KiB as a host does: at once; byte by
// byte with a comparison with Need for each; and byte by byte without.
// The loop of comparisons alone is "compare": the host's share.
func BenchmarkDribble(b *testing.B) {
	for name, message := range map[string][]byte{
		"padding":         hellotest.OfSize(hellotest.Site, 16384),
		"many-extensions": hellotest.ManyExtensions(hellotest.Site, 16384),
	} {
		for _, size := range []int{16384, 1000, 1} {
			raw := hellotest.Records(message, size)
			prefix := name + "/records-of-" + strconv.Itoa(size) + "/"
			b.Run(prefix+"at-once", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					var p clienthello.Parser
					feedTo(&p, raw)
				}
			})
			b.Run(prefix+"by-need", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					dribble(raw)
				}
			})
			b.Run(prefix+"calls-by-need", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					feedCalls(raw)
				}
			})
			b.Run(prefix+"by-byte", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					var p clienthello.Parser
					for i := range raw {
						feedTo(&p, raw[i:i+1])
					}
				}
			})
		}
	}
}

// dribble is the host's loop: bytes come one by one, and the parser is entered
// when those that it needs are there.
func dribble(raw []byte) {
	var p clienthello.Parser
	start, need := 0, p.Need()
	for have := 1; have <= len(raw); have++ {
		if have-start < need {
			continue
		}
		feedTo(&p, raw[start:have])
		start, need = have, p.Need()
	}
}

// feedCalls makes the calls of dribble without the loop over the bytes.
func feedCalls(raw []byte) {
	var p clienthello.Parser
	for len(raw) > 0 {
		need := min(p.Need(), len(raw))
		feedTo(&p, raw[:need])
		raw = raw[need:]
	}
}
