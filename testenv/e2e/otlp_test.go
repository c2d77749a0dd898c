package e2e_test

import (
	"fmt"
	"testing"

	"wildcard-egress/accesslog"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/otlp"
	"wildcard-egress/testenv/poll"
)

// A collector gets what the file gets: the same fields with the same values, of
// what was allowed and of what was refused.
func TestTheCollectorGetsTheSameLines(t *testing.T) {
	t.Parallel()
	collector, err := otlp.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(collector.Close)
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true,
		GatewayFlags: []string{"--access-log-otlp", collector.Addr()}})
	if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
		t.Fatal(err)
	}
	if _, err := env.GetDirect(env.App(), "example.com"); err == nil {
		t.Fatal("a session with a name that no rule allows")
	}
	for _, name := range []string{"en.wikipedia.org", "example.com"} {
		line := env.GatewayLog.WantEntry(t, logs.Named(name))
		record := wantRecord(t, collector, name)
		for _, f := range accesslog.Fields() {
			if got := record[f.Name]; got != line.Get(f.Name) && (line.Get(f.Name) != "" || got != "-") {
				t.Errorf("%s: %s is %q for the collector, %q in the file", name, f.Name, got, line.Get(f.Name))
			}
		}
		if record["service.name"] != "wildcard-egress" {
			t.Errorf("service.name %q", record["service.name"])
		}
	}
}

func wantRecord(t *testing.T, c *otlp.Collector, serverName string) (found map[string]string) {
	t.Helper()
	poll.Want(t, func() error {
		records := c.Records()
		for _, found = range records {
			if found["server_name"] == serverName {
				return nil
			}
		}
		return fmt.Errorf("%d records, none of %s", len(records), serverName)
	})
	return found
}
