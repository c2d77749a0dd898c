package e2e_test

import (
	"bytes"
	"encoding/json"
	"net"
	"strings"
	"testing"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
)

// What preflight must say of a gateway behind ztunnel, as it was rendered and with
// each of the mistakes that would open it.
func TestAmbientPreflight(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to string // in the bootstrap; empty: as rendered
		failed   string // the check; empty: none
	}{
		"as rendered":                 {},
		"a listener on all addresses": {from: "address: 127.0.0.1\n        port_value: 0", to: "address: 0.0.0.0\n        port_value: 0", failed: "loopback only"},
		"version 1":                   {from: "- V1\n", to: "- V2\n", failed: "proxy protocol"},
		"another TLV":                 {from: "tlv_type: 208", to: "tlv_type: 209", failed: "proxy protocol"},
		"callers by certificate":      {from: "caller: proxy_protocol", to: "caller: certificate", failed: "callers by header"},
	} {
		t.Run(name, func(t *testing.T) {
			env := testenv.Start(t, testenv.Options{Policy: wikipedia + "...\n", Ambient: true, GatewayFlags: []string{"--address-guard", "on", "--require-end-mark"}, EditGateway: func(b []byte) ([]byte, error) {
				edited := bytes.Replace(b, []byte(tt.from), []byte(tt.to), 1)
				if tt.from != "" && bytes.Equal(edited, b) {
					t.Errorf("no %q in the bootstrap:\n%s", tt.from, b)
				}
				return edited, nil
			}})
			if failed := ambientPreflight(t, env); failed != tt.failed {
				t.Errorf("failed: %q, want %q", failed, tt.failed)
			}
		})
	}
}

// ambientPreflight has the checks that failed, by name.
func ambientPreflight(t *testing.T, env *testenv.Env) string {
	t.Helper()
	_, port, err := net.SplitHostPort(env.GatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	out, err := built.Run(t.Context(), "preflight", "--data-plane", "ambient", "--admin", env.Gateway.AdminAddr(), "--port", port, "-o", "json", env.PolicyFile)
	var findings []struct{ Check, Status string }
	if jsonErr := json.Unmarshal(out, &findings); jsonErr != nil {
		t.Fatalf("%v: %v: %s", err, jsonErr, out)
	}
	var failed []string
	for _, f := range findings {
		if f.Status != "ok" {
			failed = append(failed, f.Check)
		}
	}
	return strings.Join(failed, ", ")
}
