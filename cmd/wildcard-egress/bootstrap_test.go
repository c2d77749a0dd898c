package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const goodPolicy = `{version: 1, rules: [{name: wikipedia, hosts: ["*.wikipedia.org"]}]}` + "\n"

// bootstrapCommand runs `wildcard-egress bootstrap args...`. policy.yaml in
// args is a file that holds goodPolicy.
func bootstrapCommand(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte(goodPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	var out, problems bytes.Buffer
	root := newRootCommand()
	root.SetArgs(append([]string{"bootstrap"}, args...))
	root.SetOut(&out)
	root.SetErr(&problems)
	err = root.Execute()
	return out.String(), problems.String(), err
}

func TestBootstrapRefusesWrongFlagsByName(t *testing.T) {
	sidecar := []string{"sidecar", "--policy", "policy.yaml", "--gateway", "127.0.0.1:8443"}
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no kind":                         {[]string{}, "choose one of gateway, legacy, sidecar"},
		"an unknown kind":                 {[]string{"router"}, "choose one of gateway, legacy, sidecar"},
		"an argument too many":            {[]string{"gateway", "policy.yaml", "more.yaml"}, "2 files given; name POLICY"},
		"the policy named twice":          {[]string{"gateway", "policy.yaml", "--policy", "policy.yaml"}, "2 files given; name POLICY"},
		"no policy":                       {[]string{"gateway"}, "0 files given; name POLICY"},
		"a policy that can't be watched":  {[]string{"gateway", "-"}, "name the policy's file, not -"},
		"a listener by name":              {append(sidecar, "--listen", "example.com:1"), `--listen "example.com:1": want HOST:PORT`},
		"a listener without port":         {append(sidecar, "--listen", "127.0.0.1"), "--listen"},
		"a port that is none":             {append(sidecar, "--admin", "127.0.0.1:70000"), "--admin"},
		"a resolver by name":              {append(sidecar, "--dns-resolver", "dns.google:53"), "--dns-resolver"},
		"a resolver without port":         {append(sidecar, "--dns-resolver", "127.0.0.1:0"), `--dns-resolver "127.0.0.1:0": no DNS server has port 0`},
		"a zone, which Envoy can't read":  {append(sidecar, "--listen", "[::1%lo]:1"), `--listen "[::1%lo]:1": want HOST:PORT`},
		"a certificate alone":             {append(sidecar, "--cert", "cert.pem"), "--cert, --key, --ca: give all three"},
		"no CA":                           {append(sidecar, "--cert", "cert.pem", "--key", "key.pem"), "--cert, --key, --ca: give all three"},
		"a guard that is neither":         {append(sidecar, "--address-guard", "maybe"), `--address-guard "maybe": want on or off`},
		"an old Envoy":                    {append(sidecar, "--envoy-version", "1.38"), `--envoy-version "1.38": needs 1.39 or newer`},
		"more than loopback has ports":    {[]string{"gateway", "policy.yaml", "--ambient", "--admin", "127.0.0.1:9901", "--max-connections", "40000"}, "--max-connections 40000: loopback has 28232 ports"},
		"more decisions than fit":         {[]string{"gateway", "policy.yaml", "--decision-cache", "2000000"}, "--decision-cache 2000000: want 0 to 1048576"},
		"more waiting than any has":       {[]string{"gateway", "policy.yaml", "--max-waiting", "10000000"}, "--max-waiting 10000000: want 1 to 1048576"},
		"no connections":                  {append(sidecar, "--max-connections", "0"), "--max-connections 0"},
		"a port that is too big":          {append(sidecar, "--upstream-port", "65536"), "--upstream-port"},
		"a path with a control code":      {append(sidecar, "--access-log", "a\nb"), `--access-log "a\nb"`},
		"a path that is not UTF-8":        {append(sidecar, "--access-log", "a\xff"), `--access-log "a\xff"`},
		"admin where clients come in":     {[]string{"gateway", "policy.yaml", "--listen", "0.0.0.0:9901"}, "--listen 0.0.0.0:9901: it is that of --admin 127.0.0.1:9901 too"},
		"the same of a sidecar":           {append(sidecar, "--admin", "127.0.0.1:15001"), "--listen 127.0.0.1:15001: it is that of --admin"},
		"health where clients come in":    {[]string{"gateway", "policy.yaml", "--ambient", "--health", "0.0.0.0:15088"}, "--listen 127.0.0.1:15088: it is that of --health"},
		"health where the admin is":       {[]string{"gateway", "policy.yaml", "--ambient", "--health", ":9901"}, "--admin 127.0.0.1:9901: it is that of --health 0.0.0.0:9901 too"},
		"admin where clients of IPv6 are": {[]string{"gateway", "policy.yaml", "--ambient", "--ipv6", "--admin", "[::1]:15088"}, "--admin [::1]:15088: it is that of --ipv6"},
		"a log into the policy":           {[]string{"gateway", "policy.yaml", "--access-log", "./policy.yaml"}, "that is the file of --policy, which the log"},
		"listeners into the log":          {append(sidecar, "--access-log", "new.yaml", "--lds", "new.yaml"), "that is the file of --lds"},
		"no gateway":                      {[]string{"sidecar", "--policy", "policy.yaml"}, `--gateway ""`},
		"a gateway without port":          {append(sidecar, "--gateway", "gateway.example.com"), `--gateway "gateway.example.com"`},
		"a gateway with port 0":           {append(sidecar, "--gateway", "127.0.0.1:0"), `--gateway "127.0.0.1:0"`},
		"a gateway that is no host":       {append(sidecar, "--gateway", "a b:1"), `--gateway "a b:1"`},
		"unlisted hosts may not wander":   {append(sidecar, "--unlisted", "allow"), `--unlisted "allow": want block or passthrough`},
		"an unknown flag":                 {append(sidecar, "--verbose"), "--verbose"},
		"a sidecar without its policy":    {append(sidecar, "--policy", "none.yaml"), "none.yaml"},
		"the old chain without policy":    {[]string{"legacy", "--policy", "none.yaml"}, "none.yaml"},
		"listeners where nothing can be":  {[]string{"gateway", "--policy", "policy.yaml", "--lds", "none/x.yaml"}, "--lds"},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, _, err := bootstrapCommand(t, tt.args...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q in it", err, tt.want)
			}
			if stdout != "" {
				t.Errorf("printed %.100q beside the error", stdout)
			}
		})
	}
}

func TestBootstrapReportsAllMistakesAtOnce(t *testing.T) {
	_, _, err := bootstrapCommand(t, "sidecar", "policy.yaml", "--listen", "x", "--admin", "y", "--unlisted", "z")
	for _, flag := range []string{"--listen", "--admin", "--unlisted", "--gateway"} {
		if err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("error = %v, want %s in it", err, flag)
		}
	}
}

// dig returns the value of a path such as a.b[0].c in a YAML document.
func dig(t *testing.T, document, path string) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(document), &value); err != nil {
		t.Fatal(err)
	}
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(v) {
				t.Fatalf("%s: no element %s", path, step)
			}
			value = v[i]
		default:
			t.Fatalf("%s: no %s in %v", path, step, v)
		}
	}
	return value
}

func TestBootstrapGatewayNamesThePolicyByItsAbsolutePath(t *testing.T) {
	out, warning, err := bootstrapCommand(t, "gateway", "--policy", "policy.yaml", "--listen", "localhost:0", "--upstream-port", "8443")
	if err != nil || strings.Contains(warning, "policy") {
		t.Fatalf("error %v, warning %q", err, warning)
	}
	dir, _ := os.Getwd()
	const filter = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.filter_config.value"
	if got, want := dig(t, out, filter+".policy_file"), filepath.Join(dir, "policy.yaml"); got != want {
		t.Errorf("policy_file = %v, want %v", got, want)
	}
	if got := dig(t, out, filter+".upstream_port"); got != float64(8443) {
		t.Errorf("upstream_port = %v, want 8443", got)
	}
	if got := dig(t, out, "static_resources.listeners[0].address.socket_address.address"); got != "127.0.0.1" {
		t.Errorf("localhost became %v, want 127.0.0.1", got)
	}
}

// Without certificates nobody knows who calls.
func TestBootstrapGatewayWithoutCertificatesStaysAtHome(t *testing.T) {
	withCertificates := []string{"--cert", "c.pem", "--key", "k.pem", "--ca", "a.pem"}
	for name, tt := range map[string]struct {
		flags          []string
		address        string
		warned, loudly bool
	}{
		"no certificates":               {address: "127.0.0.1", warned: true},
		"no certificates, told where":   {flags: []string{"--listen", "0.0.0.0:8443"}, address: "0.0.0.0", warned: true, loudly: true},
		"with certificates":             {flags: withCertificates, address: "0.0.0.0"},
		"with certificates, told where": {flags: append(withCertificates, "--listen", "127.0.0.1:1"), address: "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			out, warning, err := bootstrapCommand(t, append([]string{"gateway", "policy.yaml"}, tt.flags...)...)
			if err != nil {
				t.Fatal(err)
			}
			if got := dig(t, out, "static_resources.listeners[0].address.socket_address.address"); got != tt.address {
				t.Errorf("listens on %v, want %v", got, tt.address)
			}
			if got := strings.Contains(warning, "callers are unknown"); got != tt.warned {
				t.Errorf("warning = %q, want one: %v", warning, tt.warned)
			}
			if got := strings.Contains(warning, "not this machine alone"); got != tt.loudly {
				t.Errorf("warning = %q, want one of where it listens: %v", warning, tt.loudly)
			}
		})
	}
}

// The gateway starts without a good policy, and denies; so it can be rendered.
func TestBootstrapGatewayOnlyWarnsOfABadPolicy(t *testing.T) {
	out, warning, err := bootstrapCommand(t, "gateway", "--policy", "none.yaml")
	if err != nil || out == "" {
		t.Fatalf("error %v, %d bytes", err, len(out))
	}
	if !strings.Contains(warning, "denies everything") || !strings.Contains(warning, "none.yaml") {
		t.Errorf("warning = %q, want it to name none.yaml", warning)
	}
}

func TestBootstrapGatewayCanRequireAPolicyAtStart(t *testing.T) {
	out, warning, err := bootstrapCommand(t, "gateway", "--policy", "none.yaml", "--require-policy-at-start")
	if err != nil || !strings.Contains(warning, "does not start") {
		t.Fatalf("error %v, warning %q", err, warning)
	}
	const filter = "static_resources.listeners[0].filter_chains[0].filters[0].typed_config.filter_config.value"
	if got := dig(t, out, filter+".require_policy_at_start"); got != true {
		t.Errorf("require_policy_at_start = %v, want true", got)
	}
}

func TestBootstrapWritesTheListenersToAFileOfTheirOwn(t *testing.T) {
	for kind, more := range map[string][]string{"gateway": nil, "legacy": nil, "sidecar": {"--gateway", "127.0.0.1:8443"}} {
		t.Run(kind, func(t *testing.T) {
			out, _, err := bootstrapCommand(t, append([]string{kind, "--policy", "policy.yaml", "--lds", "listeners.yaml"}, more...)...)
			if err != nil {
				t.Fatal(err)
			}
			path, _ := dig(t, out, "dynamic_resources.lds_config.path_config_source.path").(string)
			listeners, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := dig(t, string(listeners), "resources[0].name"); got != "egress" && got != "outbound" {
				t.Errorf("the first listener is %v, want egress or outbound", got)
			}
			left, err := os.ReadDir(filepath.Dir(path))
			if err != nil || len(left) != 2 {
				t.Errorf("the directory has %v (%v), want the policy and the listeners alone", left, err)
			}
		})
	}
}

func TestAdminInterfaceThatOthersReachIsWarnedOf(t *testing.T) {
	for address, want := range map[string]bool{"0.0.0.0:9901": true, ":9901": true, "[::]:9901": true, "10.1.2.3:9901": true, "127.0.0.1:9901": false, "[::1]:9901": false} {
		_, stderr, err := bootstrapCommand(t, "gateway", "policy.yaml", "--admin", address)
		if got := strings.Contains(stderr, "WARNING: --admin "); err != nil || got != want {
			t.Errorf("--admin %s: %v, warned %v, want %v:\n%s", address, err, got, want, stderr)
		}
	}
}

func TestListenersReplaceNothingThatIsNotOfThisCommandsMaking(t *testing.T) {
	for _, lds := range []string{"policy.yaml", "/dev/null", "."} {
		stdout, _, err := bootstrapCommand(t, "gateway", "policy.yaml", "--lds", lds)
		if err == nil || !strings.Contains(err.Error(), "not of this command's making") || stdout != "" {
			t.Errorf("--lds %s: %v, want that it stays as it is", lds, err)
		}
		if text, err := os.ReadFile("policy.yaml"); err != nil || string(text) != goodPolicy {
			t.Errorf("--lds %s: the policy is %q now, %v", lds, text, err)
		}
	}
	for range 2 { // a new file, and its own of before
		if _, _, err := bootstrapCommand(t, "gateway", "policy.yaml", "--lds", "../listeners.yaml"); err != nil {
			t.Error(err)
		}
	}
}
