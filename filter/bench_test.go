package filter_test

import (
	"testing"

	"wildcard-egress/filter/clienthello/hellotest"
)

// BenchmarkConnection is a filter's whole life but for Envoy's part: what a
// connection costs in Go when the host recalls nothing. The fake connection's
// own memory is in it.
func BenchmarkConnection(b *testing.B) {
	e := enforcer(b, "version: 1\nrules: [{name: wikipedia, hosts: [\"*.wikipedia.org\"]}]")
	for _, bench := range []struct{ name, serverName, decision string }{
		{name: "allowed", serverName: "en.wikipedia.org", decision: "allow"},
		{name: "denied", serverName: "cloud.ibm.com", decision: "deny"},
	} {
		raw := hellotest.Whole(hellotest.Chrome(bench.serverName).Message())
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := &connection{uriSANs: []string{"spiffe://cluster.local/ns/default/sa/app"}}
				feed(e.NewFilter(c), c, false, raw)
				if c.said["decision"] != bench.decision {
					b.Fatalf("%s: %s", bench.serverName, c.outcome())
				}
			}
		})
	}
}
