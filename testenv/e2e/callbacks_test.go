package e2e_test

import (
	"debug/elf"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"wildcard-egress/outcome"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/logs"
)

// callbackPrefix begins the names of all that an Envoy gives a module.
const callbackPrefix = "envoy_dynamic_module_callback_"

const trialPolicy = `
version: 1
rules:
- name: wikipedia
  hosts: ["*.wikipedia.org"]
- name: other-port
  hosts: [cloud.ibm.com]
  ports: [8443]
`

// trials are what an Envoy must be seen to do, in a gateway with trialPolicy, and
// the callbacks that show by it that they work.
var trials = []struct {
	name  string
	run   func(*testing.T, *testenv.Env)
	shows []string
}{
	{name: "allows", run: allows, shows: []string{
		"network_filter_get_read_buffer_chunks_size", "network_filter_get_read_buffer_chunks",
		"network_filter_get_ssl_uri_sans_size", "network_filter_get_ssl_uri_sans",
		"network_set_filter_state_typed", "network_set_filter_state_bytes", "network_get_filter_state_bytes",
		"network_filter_read_enabled", "network_filter_read_disable",
		"network_filter_config_define_counter", "network_filter_increment_counter",
		"network_filter_config_define_histogram", "network_filter_record_histogram_value"}},
	{name: "refuses", run: refuses, shows: []string{
		"network_filter_write", "network_filter_close_with_details"}},
	{name: "reads the outer server name", run: readsOuterServerName, shows: []string{
		"network_filter_get_requested_server_name"}},
	{name: "says why a connection failed", run: saysWhy, shows: []string{
		"network_filter_get_attribute_int", "network_filter_get_attribute_string"}},
	{name: "knows a caller by the PROXY protocol", run: readsProxyHeader, shows: []string{
		"network_filter_get_direct_remote_address", "network_filter_get_local_address",
		"network_get_dynamic_metadata_string"}},
	{name: "knows who has no name by the address", run: readsAddress, shows: []string{
		"network_filter_get_remote_address"}},
	{name: "closes what is one too many of those that wait", run: limitsWaiting, shows: []string{
		"listener_filter_get_remote_address", "listener_filter_close_socket"}},
	{name: "leaves lines out", run: leavesLinesOut, shows: []string{
		"listener_filter_set_dynamic_metadata_number", "network_get_dynamic_metadata_number",
		"network_set_dynamic_metadata_number"}},
	{name: "ends what is silent", run: expires, shows: []string{
		"network_filter_scheduler_new", "network_filter_scheduler_commit", "network_filter_scheduler_delete"}},
	{name: "recalls", run: recalls, shows: []string{
		"network_filter_get_worker_index", "log_enabled"}}, // at level debug nothing is recalled
	{name: "takes a new policy", run: edits, shows: []string{
		"log", "network_filter_config_define_gauge", "network_filter_config_set_gauge",
		"network_filter_config_increment_counter", "network_filter_config_scheduler_new",
		"network_filter_config_scheduler_commit", "network_filter_config_scheduler_delete"}},
}

// An Envoy is judged by this: each callback that the module uses is in the
// binary, and does what the module counts on.
func TestCallbacks(t *testing.T) {
	binary, err := envoys.Find()
	if err != nil {
		t.Fatal(err)
	}
	has := exported(t, binary)
	used := usedCallbacks(t)
	for _, name := range used {
		if !has[callbackPrefix+name] {
			t.Errorf("%s lacks the callback %s", binary, name)
		}
	}
	if t.Failed() {
		return // the module refuses to be loaded
	}
	var shown []string
	env := testenv.Start(t, testenv.Options{Policy: trialPolicy, WithoutSidecar: true, GatewayFlags: []string{"--decision-cache", "64"}})
	for _, trial := range trials {
		shown = append(shown, trial.shows...)
		if !t.Run(trial.name, func(t *testing.T) { trial.run(t, env) }) {
			t.Errorf("these are there, and one does not do what the module counts on: %s", strings.Join(trial.shows, ", "))
		}
	}
	slices.Sort(shown)
	if diff := gocmp.Diff(used, shown); diff != "" {
		t.Errorf("the callbacks of abi.h, and those that trials show (-used +shown)\n%s", diff)
	}
	t.Logf("%s has the %d callbacks that the module uses", binary, len(used))
}

// exported are the symbols that a binary gives to the libraries that it loads.
func exported(t *testing.T, binary string) map[string]bool {
	t.Helper()
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	symbols, err := file.DynamicSymbols()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, s := range symbols {
		names[s.Name] = s.Section != elf.SHN_UNDEF
	}
	return names
}

// usedCallbacks are those that abi.h declares, sorted.
func usedCallbacks(t *testing.T) (names []string) {
	t.Helper()
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(filepath.Join(root, "envoy", "abi.h"))
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`(?m)^CALLBACK .*`+callbackPrefix+`(\w+)\(`).FindAllSubmatch(header, -1) {
		names = append(names, string(match[1]))
	}
	slices.Sort(names)
	return names
}

// allows: hello, caller and policy meet, and the bytes go on to the site of that
// name, both ways, with a log line and a counter.
func allows(t *testing.T, env *testenv.Env) {
	allowed := stat(t, env, "wildcard_egress.allowed")
	wantDecision(t, env, env.App(), "en.wikipedia.org",
		map[string]string{"decision": "allow", "rule": "wikipedia", "principal": certs.AppID})
	env.WantStat(t, "wildcard_egress.allowed", allowed+1)
}

// refuses: an alert, an end with details, and nothing left the gateway.
func refuses(t *testing.T, env *testenv.Env) {
	before := snapshot(t, env)
	conn := dialGateway(t, env)
	line := lineOf(t, env, conn)
	if _, err := conn.Write(hello(denied)); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); string(got) != string([]byte{21, 3, 3, 0, 2, 2, 112}) || err != nil {
		t.Errorf("read % x, %v; want the alert unrecognized_name and the end", got, err)
	}
	if details := env.GatewayLog.WantEntry(t, line).Get("reason"); details != "no_rule" {
		t.Errorf("details %q, want no_rule", details)
	}
	if change := since(t, env, before); change.Connections != 0 || len(change.Queries) != 0 {
		t.Errorf("%d upstream connections, DNS asked %q; want nothing", change.Connections, change.Queries)
	}
}

// readsOuterServerName: the port that the sidecar names there counts.
func readsOuterServerName(t *testing.T, env *testenv.Env) {
	wantDecision(t, env, env.App(), "cloud.ibm.com", map[string]string{"reason": "no_rule"}) // port 443
	outer := client.Outer{Certificate: env.Identities.App, ServerName: strings.Replace(client.OuterServerName, "443", "8443", 1)}
	wantDecision(t, env, outer, "cloud.ibm.com", map[string]string{"decision": "allow", "rule": "other-port"})
}

// saysWhy: no address, and an address that refuses.
func saysWhy(t *testing.T, env *testenv.Env) {
	env.DNS.Set("refusing.wikipedia.org", dns.Answer{Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.254")}})
	for name, reason := range map[string]string{"missing.wikipedia.org": outcome.DNSNoSuchName, "refusing.wikipedia.org": outcome.ConnectRefused} {
		if _, err := env.GetDirect(env.App(), name); err == nil {
			t.Errorf("%s: a session", name)
		}
		if got := env.GatewayLog.WantEntry(t, logs.Named(name)).Get("reason"); got != reason {
			t.Errorf("%s: reason %q, want %s", name, got, reason)
		}
	}
}

// readsProxyHeader: caller and port are those of the header, and the connection's
// peer is known beside them.
func readsProxyHeader(t *testing.T, _ *testenv.Env) {
	env := testenv.Start(t, testenv.Options{Policy: trialPolicy, Ambient: true})
	wantDecision(t, env, client.Outer{Certificate: env.Identities.App, Port: 8443}, "cloud.ibm.com",
		map[string]string{"decision": "allow", "rule": "other-port", "principal": certs.AppID})
}

// readsAddress: a caller without a name is known by where the connection came from.
func readsAddress(t *testing.T, env *testenv.Env) {
	wantDecision(t, env, client.Outer{Certificate: env.Identities.NoID}, denied, map[string]string{"reason": "no_rule", "principal": ""})
	if log := env.Gateway.LogTail(1 << 20); !strings.Contains(log, "address=127.0.0.1") {
		t.Error("Envoy's log does not name the address of a caller without a name")
	}
}

// expires: another thread ends a silent connection on its worker.
func expires(t *testing.T, _ *testenv.Env) {
	env := testenv.Start(t, testenv.Options{Policy: "defaults: {client_hello_timeout: 1s}\n" + trialPolicy, WithoutSidecar: true})
	conn := dialGateway(t, env)
	line := lineOf(t, env, conn)
	if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
		t.Errorf("read % x, %v; want the end of the stream", got, err)
	}
	if reason := env.GatewayLog.WantEntry(t, line).Get("reason"); reason != "timeout" {
		t.Errorf("reason %q, want timeout", reason)
	}
}

// recalls: a decision made before is found again.
func recalls(t *testing.T, env *testenv.Env) {
	// A hello that comes in two reads is not recalled.
	for tries := 0; stat(t, env, hit) == 0 && tries < 50; tries++ {
		wantDecision(t, env, env.App(), "de.wikipedia.org", map[string]string{"decision": "allow", "rule": "wikipedia"})
	}
	if stat(t, env, hit) == 0 {
		t.Error("no decision of 50 equal ones was recalled")
	}
}

// edits: metrics of a policy that comes, outside of any connection, and a line in
// Envoy's log.
func edits(t *testing.T, env *testenv.Env) {
	loaded := stat(t, env, "wildcard_egress.policy_loaded")
	if err := env.WritePolicy(trialPolicy + "- {name: third, hosts: [third.test]}\n"); err != nil {
		t.Fatal(err)
	}
	env.WantStat(t, "wildcard_egress.policy_rules", 3)
	env.WantStat(t, "wildcard_egress.policy_loaded", loaded+1)
	if log := env.Gateway.LogTail(1 << 20); !strings.Contains(log, "wildcard_egress: policy in force") {
		t.Error("envoy's log has no line of the policy that came")
	}
}
