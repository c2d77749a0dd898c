package e2e_test

import (
	"encoding/json"
	"testing"

	"wildcard-egress/accesslog"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/logs"
)

// A stream that lives and then is silent: a line when it opens, one each second,
// and one that says what ended it.
func TestTheLogTellsOfAStreamWhileItLives(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true,
		GatewayFlags: []string{"--log-open", "--log-interval", "1s", "--idle-timeout", "2s"}})
	conn, err := env.DialDirect(env.App(), "en.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := client.Ask(conn); err != nil {
		t.Fatal(err)
	}
	for event, reason := range map[accesslog.Event]string{
		accesslog.Open: "", accesslog.Interval: "", accesslog.End: "tcp_session_idle_timeout",
	} {
		entry := env.GatewayLog.WantEntry(t, func(e logs.Entry) bool { return e.Get("event") == string(event) })
		for field, want := range map[string]string{
			"server_name": "en.wikipedia.org", "decision": "allow", "rule": "wikipedia", "reason": reason,
			"upstream_remote_address": env.Upstream.Site("en.wikipedia.org").AddrPort().String(),
		} {
			if got := entry.Get(field); got != want {
				t.Errorf("event %s: %s %q, want %q", event, field, got, want)
			}
		}
	}
	env.WantStat(t, "tcp.dynamic_forward_proxy.idle_timeout", 1)
}

func TestTheLineKeepsToItsSchema(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true})
	if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
		t.Fatal(err)
	}
	if _, err := env.GetDirect(env.App(), "example.com"); err == nil {
		t.Fatal("a session with a name that no rule allows")
	}
	fields := map[string]accesslog.Field{}
	for _, f := range accesslog.Fields() {
		fields[f.Name] = f
	}
	for _, name := range []string{"en.wikipedia.org", "example.com"} {
		entry := env.GatewayLog.WantEntry(t, logs.Named(name))
		for key, value := range entry {
			field, known := fields[key]
			_, isNumber := value.(json.Number)
			switch {
			case !known:
				t.Errorf("%s: the schema has no field %s", name, key)
			case value != nil && isNumber != (field.Type == "number"):
				t.Errorf("%s: %s is %v, want a %s", name, key, value, field.Type)
			}
		}
		for _, f := range fields {
			if f.When == "always" && entry.Get(f.Name) == "" {
				t.Errorf("%s: no %s", name, f.Name)
			}
		}
	}
	refused := env.GatewayLog.WantEntry(t, logs.Named("example.com"))
	if got := refused.Get("requested_server_name"); got != client.OuterServerName {
		t.Errorf("requested_server_name of a refusal: %q, want %q", got, client.OuterServerName)
	}
}
