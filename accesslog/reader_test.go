package accesslog_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"wildcard-egress/accesslog"
)

// Lines as real gateways and sidecars wrote them.
const (
	refusedBy139 = `{"bytes_received":0,"bytes_sent":0,"decision":"deny","detail":null,"downstream_remote_address":"127.0.0.1:56294",` +
		`"downstream_transport_failure_reason":null,"duration":14,"principal":"spiffe://cluster.local/ns/default/sa/app","reason":"no_rule",` +
		`"requested_server_name":"outbound_.443_.wildcard_.gateway.test","response_flags":"-","rule":null,"server_name":"cloud.ibm.com",` +
		`"shadow_decision":null,"shadow_reason":null,"shadow_rule":null,"time":"2026-11-26T04:53:57.597Z","upstream_remote_address":null,` +
		`"upstream_transport_failure_reason":null}`
	refusedBy140 = `{"bytes_received":0,"bytes_sent":0,"decision":"deny","downstream_remote_address":"127.0.0.1:56294","duration":14,` +
		`"principal":"spiffe://cluster.local/ns/default/sa/app","reason":"no_rule","requested_server_name":"outbound_.443_.wildcard_.gateway.test",` +
		`"response_flags":"-","server_name":"cloud.ibm.com","time":"2026-11-26T04:53:57.597Z"}`
	undecided = `{"bytes_received":0,"bytes_sent":0,"downstream_remote_address":"127.0.0.1:1","duration":1,"response_flags":"-",` +
		`"time":"2026-11-26T04:53:57.597Z"}`
	ofSidecar = `{"bytes_received":0,"bytes_sent":0,"downstream_remote_address":"127.0.0.1:60076","duration":1,"filter_chain_name":"blocked",` +
		`"response_code_details":"direct_response","response_flags":"-","server_name":"cloud.ibm.com","time":"2026-11-26T04:53:57.486Z"}`
	ofIstio  = `{"start_time":"2026-11-26T04:53:57.597Z","response_flags":"-","requested_server_name":"x.example.com","duration":3}`
	ofEnvoy  = `[2026-11-26 04:53:57.597][12][info][main] [source/server/server.cc:990] starting main dispatch loop`
	ofModule = `wildcard_egress: refused {"server_name":"a.example.com","decision":"deny","time":"2026-11-26T04:53:57.597Z"}`
)

func TestReaderKnowsItsLines(t *testing.T) {
	for name, tt := range map[string]struct {
		line string
		want accesslog.Kind
	}{
		"of Envoy 1.39, with nulls":               {refusedBy139, accesslog.OfGateway},
		"of Envoy 1.40, without":                  {refusedBy140, accesslog.OfGateway},
		"no decision was made":                    {undecided, accesslog.OfGateway},
		"kubectl logs --prefix":                   {"[pod/wildcard-egress-7d-x/istio-proxy] " + refusedBy140, accesslog.OfGateway},
		"kubectl logs --timestamps":               {"2026-11-26T04:53:58.000000001Z " + refusedBy140, accesslog.OfGateway},
		"both":                                    {"[pod/w/istio-proxy] 2026-11-26T04:53:58.1Z " + refusedBy140, accesslog.OfGateway},
		"a container runtime's file":              {"2026-11-26T04:53:58.1Z stdout F " + refusedBy140, accesslog.OfGateway},
		"Windows' line end":                       {refusedBy140 + "\r", accesslog.OfGateway},
		"zeros of a file that was cut":            {"\x00\x00\x00" + refusedBy140, accesslog.OfGateway},
		"a key more, decided":                     {strings.Replace(refusedBy140, "{", `{"pod":"x",`, 1), accesslog.OfGateway},
		"of a sidecar":                            {ofSidecar, accesslog.OtherJSON},
		"of Istio's own format":                   {ofIstio, accesslog.OtherJSON},
		"of Envoy's own log":                      {ofEnvoy, accesslog.OtherText},
		"of the module, in Envoy's own log":       {"[warn] " + ofModule, accesslog.OtherText},
		"our line behind a text that is no known": {"evil " + refusedBy140, accesslog.OtherText},
		"cut at its end":                          {refusedBy140[:200], accesslog.Broken},
		"cut at its begin":                        {refusedBy140[200:], accesslog.Broken},
		"cut at its begin, 1.39":                  {refusedBy139[200:], accesslog.Broken},
		"two lines in one":                        {refusedBy140 + refusedBy140, accesslog.Broken},
		"a partial line of a container runtime":   {"2026-11-26T04:53:58.1Z stdout P " + refusedBy140[:100], accesslog.OtherText},
		"a key twice":                             {strings.Replace(refusedBy140, "{", `{"server_name":"good.example.com",`, 1), accesslog.Broken},
		"a decision that there is not":            {strings.Replace(refusedBy140, `"deny"`, `"maybe"`, 1), accesslog.OtherJSON},
		"a decision that is a number":             {strings.Replace(refusedBy140, `"deny"`, `1`, 1), accesslog.OtherJSON},
		"an event that there is not":              {strings.Replace(refusedBy140, "{", `{"event":"begin",`, 1), accesslog.OtherJSON},
		"lines left out that are no number":       {strings.Replace(refusedBy140, "{", `{"lines_left_out":"3",`, 1), accesslog.OtherJSON},
		"a time that is none":                     {strings.Replace(refusedBy140, "2026-11-26T", "yesterday ", 1), accesslog.OtherJSON},
		"a name longer than the gateway writes":   {strings.Replace(refusedBy140, "cloud", strings.Repeat("a", 256), 1), accesslog.OtherJSON},
		"an array":                                {`[1,2]`, accesslog.OtherText},
		"nothing":                                 {" \t\r", accesslog.Empty},
		"very long":                               {strings.Replace(refusedBy140, "cloud", strings.Repeat("a", accesslog.MaxLineBytes), 1), accesslog.TooLong},
	} {
		t.Run(name, func(t *testing.T) {
			var r accesslog.Reader
			var e accesslog.Entry
			if got := r.Read([]byte(tt.line), &e); got != tt.want {
				t.Errorf("kind %d, want %d: %.300s", got, tt.want, tt.line)
			}
		})
	}
}

func TestReaderReadsTheSameFromBothEnvoys(t *testing.T) {
	want := accesslog.Entry{
		Time:      time.Date(2026, 11, 26, 4, 53, 57, 597e6, time.UTC),
		Principal: "spiffe://cluster.local/ns/default/sa/app", ServerName: "cloud.ibm.com",
		Decision: accesslog.Deny, Reason: "no_rule", RequestedServerName: "outbound_.443_.wildcard_.gateway.test",
	}
	var r accesslog.Reader
	for _, line := range []string{refusedBy139, refusedBy140, strings.Replace(refusedBy139, "{", `{"lines_left_out":null,`, 1)} {
		var got accesslog.Entry
		if r.Read([]byte(line), &got); got != want {
			t.Errorf("read %+v, want %+v", got, want)
		}
	}
}

func TestReaderReadsWhatWasLeftOut(t *testing.T) {
	var r accesslog.Reader
	var e accesslog.Entry
	if r.Read([]byte(strings.Replace(refusedBy140, "{", `{"lines_left_out":3,`, 1)), &e); e.LinesLeftOut != 3 {
		t.Errorf("read %+v", e)
	}
}

// What a reader of a log says comes from callers: none of it steers a terminal,
// ends a line, or looks like another text.
func FuzzReaderEscapes(f *testing.F) {
	for _, name := range []string{"cloud.ibm.com", "\x1b[2J", "a\nb", "gооgle.com", "\u202egnp.exe", `\u001b[31m`, "\x7f", `"},{"`} {
		f.Add([]byte(strings.Replace(refusedBy140, "cloud.ibm.com", name, 1)))
	}
	f.Add([]byte(refusedBy139))
	f.Add([]byte(ofSidecar))
	f.Fuzz(func(t *testing.T, line []byte) {
		var r accesslog.Reader
		var e accesslog.Entry
		if r.Read(line, &e) != accesslog.OfGateway {
			return
		}
		for _, text := range []string{e.Principal, e.ServerName, e.Decision, e.Rule, e.Reason, e.Detail, e.ShadowRule, e.ShadowDecision,
			e.ShadowReason, e.RequestedServerName, e.UpstreamRemoteAddress, string(e.Event)} {
			if bytes.ContainsFunc([]byte(text), func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Fatalf("%q from %q", text, line)
			}
		}
		if e.Time.IsZero() {
			t.Fatalf("no time from %q", line)
		}
	})
}
