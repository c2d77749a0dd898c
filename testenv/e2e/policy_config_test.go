package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/envoys"
)

// filterConfig is the one of our filter in a rendered bootstrap.
var filterConfig = regexp.MustCompile(`(?s)( +)filter_config:\n.*?policy_file: [^\n]*\n( +upstream_port: [0-9]+\n)?`)

var upstreamPort = regexp.MustCompile(`( +)upstream_port: ([0-9]+)\n`)

func withoutUpstreamPort(bootstrap []byte) ([]byte, error) {
	edited := upstreamPort.ReplaceAll(bootstrap, nil)
	if bytes.Equal(edited, bootstrap) {
		return nil, fmt.Errorf("no upstream_port in the bootstrap")
	}
	return edited, nil
}

// withFilterConfig puts lines in place of the filter's configuration. PORT in
// them is the trial's upstream port.
func withFilterConfig(lines string) func([]byte) ([]byte, error) {
	return func(bootstrap []byte) ([]byte, error) {
		found := filterConfig.FindSubmatch(bootstrap)
		if found == nil {
			return nil, fmt.Errorf("no filter_config in the bootstrap")
		}
		port := upstreamPort.FindSubmatch(bootstrap)
		indent := string(found[1])
		text := strings.ReplaceAll(strings.TrimSpace(lines), "PORT", string(port[2]))
		text = indent + strings.ReplaceAll(text, "\n", "\n"+indent) + "\n"
		return bytes.Replace(bootstrap, found[0], []byte(text), 1), nil
	}
}

// A policy may stand in the filter_config in every form that a control plane
// can give it.
func TestInlinePolicyForms(t *testing.T) {
	for name, lines := range map[string]string{
		"a Struct that is the policy and the module's settings": `
filter_config:
  "@type": type.googleapis.com/google.protobuf.Struct
  value: {upstream_port: PORT, policy: {version: 1, rules: [{name: wikipedia, hosts: ["*.wikipedia.org"]}]}}`,
		"a StringValue with YAML": `
filter_config:
  "@type": type.googleapis.com/google.protobuf.StringValue
  value: |
    # the policy, as text
    upstream_port: PORT
    policy:
      version: 1
      rules:
      - name: wikipedia
        hosts: ["*.wikipedia.org"]`,
		"a TypedStruct, as xDS control planes send it": `
filter_config:
  "@type": type.googleapis.com/xds.type.v3.TypedStruct
  type_url: type.googleapis.com/wildcard_egress.Config
  value: {upstream_port: PORT, policy: {version: 1, rules: [{name: wikipedia, hosts: ["*.wikipedia.org"]}]}}`,
		"a Struct with the policy as text": `
filter_config:
  "@type": type.googleapis.com/google.protobuf.Struct
  value: {upstream_port: PORT, policy: "version: 1\nrules:\n- name: wikipedia\n  hosts: ['*.wikipedia.org']\n"}`,
	} {
		t.Run(name, func(t *testing.T) {
			env := testenv.Start(t, testenv.Options{Policy: "version: 1\nrules: [{name: unused, hosts: [unused.test]}]",
				WithoutSidecar: true, EditGateway: withFilterConfig(lines)})
			wantDecision(t, env, env.App(), "en.wikipedia.org", map[string]string{"rule": "wikipedia", "reason": ""})
			wantDecision(t, env, env.App(), "cloud.ibm.com", map[string]string{"reason": "no_rule"})
		})
	}
}

// A policy that is itself the filter_config needs no key around it. It has no
// upstream_port, so the decision is all there is to see.
func TestFilterConfigMayBeThePolicy(t *testing.T) {
	for name, lines := range map[string]string{
		"Struct": `
filter_config:
  "@type": type.googleapis.com/google.protobuf.Struct
  value: {version: 1, rules: [{name: wikipedia, hosts: ["*.wikipedia.org"]}]}`,
		"StringValue": `
filter_config:
  "@type": type.googleapis.com/google.protobuf.StringValue
  value: "version: 1\nrules: [{name: wikipedia, hosts: ['*.wikipedia.org']}]"`,
		"TypedStruct": `
filter_config:
  "@type": type.googleapis.com/xds.type.v3.TypedStruct
  type_url: type.googleapis.com/wildcard_egress.Config
  value: {version: 1, rules: [{name: wikipedia, hosts: ["*.wikipedia.org"]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, EditGateway: withFilterConfig(lines)})
			conn := dialGateway(t, env)
			if _, err := conn.Write(hello("en.wikipedia.org")); err != nil {
				t.Fatal(err)
			}
			env.WantStat(t, "wildcard_egress.allowed", 1)
			wantDecision(t, env, env.App(), "cloud.ibm.com", map[string]string{"reason": "no_rule"})
		})
	}
}

// A bad policy never opens the gate and never makes Envoy refuse the listener.
func TestBadPolicyDeniesEverythingAndSaysWhere(t *testing.T) {
	for name, tt := range map[string]struct {
		lines string // of filter_config; empty: the file
		file  string
		want  string // in Envoy's log
	}{
		"a file with a mistake": {
			file: "version: 1\nrules:\n- name: a\n  hosts: [\"*.\"]\n",
			want: `policy\.yaml:4:\d+: rules\[0\]\.hosts\[0\]: "\*\.": `,
		},
		"a file with an unknown field": {
			file: "version: 1\nrules:\n- name: a\n  host: [a.example.com]\n",
			want: `policy\.yaml:4:\d+: .*host`,
		},
		"an empty file": {file: "\n", want: `policy\.yaml`},
		"inline": {
			lines: "filter_config:\n  \"@type\": type.googleapis.com/google.protobuf.StringValue\n  value: \"version: 1\\nrules:\\n- name: a\\n  hosts: [10.0.0.1]\\n\"",
			want:  `filter_config:4:\d+: rules\[0\]\.hosts\[0\]`,
		},
		"an unknown setting": {
			lines: "filter_config:\n  \"@type\": type.googleapis.com/google.protobuf.Struct\n  value: {policy_fil: /etc/policy.yaml}",
			want:  `filter_config: .*policy_fil`,
		},
		"a missing file": {
			lines: "filter_config:\n  \"@type\": type.googleapis.com/google.protobuf.Struct\n  value: {policy_file: /nowhere/policy.yaml}",
			want:  `policy_file: .*/nowhere/policy\.yaml: no such file or directory; `,
		},
		"no configuration at all": {
			lines: "filter_config:\n  \"@type\": type.googleapis.com/google.protobuf.Struct\n  value: {}",
			want:  `filter_config: give either policy_file`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := testenv.Options{Policy: wikipedia, WithoutSidecar: true, EditGateway: withFilterConfig(tt.lines)}
			if tt.lines == "" {
				o.Policy, o.EditGateway = tt.file, nil
			}
			env := testenv.Start(t, o)
			wantDecision(t, env, env.App(), "en.wikipedia.org", map[string]string{"reason": "no_policy"})
			env.WantStat(t, "wildcard_egress.policy_rejected", 1)
			env.WantStat(t, "wildcard_egress.policy_stale", 1)
			if log := env.Gateway.LogTail(1 << 20); !regexp.MustCompile(tt.want).MatchString(log) {
				t.Errorf("envoy's log does not match %s", tt.want)
			}
		})
	}
}

func TestRequirePolicyAtStartRefusesToStart(t *testing.T) {
	missing := "filter_config:\n  \"@type\": type.googleapis.com/google.protobuf.Struct\n  value: {policy_file: /nowhere/policy.yaml, require_policy_at_start: true}"
	env, err := testenv.New(t.Context(), testenv.Options{Policy: wikipedia, WithoutSidecar: true, EditGateway: withFilterConfig(missing)})
	if err == nil {
		env.Close()
		t.Fatal("envoy started without a policy, though require_policy_at_start is set")
	}
	if want := "/nowhere/policy.yaml"; !strings.Contains(err.Error(), want) {
		t.Errorf("error does not name %s: %v", want, err)
	}
}

// Envoy 1.38 has no address guard and lacks callbacks: the module refuses by
// the name of what is missing, it does not crash and does not open.
func TestOldEnvoyIsRefusedByNameOfWhatItLacks(t *testing.T) {
	binary, err := envoys.Fetched("1.38.3")
	if err != nil {
		t.Fatal(err)
	}
	out, err := validated(t, binary, "gateway", "--address-guard", "off", "--rule-metrics=false") // of which 1.38 knows less
	want := "this Envoy lacks the callback envoy_dynamic_module_callback_network_filter_config_set_gauge; use Envoy 1.39 or newer"
	if err == nil || !bytes.Contains(out, []byte(want)) {
		t.Errorf("envoy 1.38.3: %v, want a refusal that says %q; it said\n%s", err, want, out)
	}
}

func TestEnvoyValidatesWhatIsRendered(t *testing.T) {
	t.Parallel()
	binary, err := envoys.Find()
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"gateway":                {"gateway"},
		"gateway behind ztunnel": {"gateway", "--ambient"},
		"gateway with all logs":  {"gateway", "--log-open", "--log-interval", "1m", "--access-log-otlp", "127.0.0.1:4317"},
	} {
		if out, err := validated(t, binary, args...); err != nil {
			t.Errorf("%s: envoy --mode validate: %v; it said\n%s", name, err, out)
		}
	}
}

// validated returns what an Envoy says of a bootstrap without serving it.
func validated(t *testing.T, binary string, bootstrap ...string) ([]byte, error) {
	t.Helper()
	build, err := built.Dir()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	policyFile, file := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(policyFile, []byte(wikipedia), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := built.Bootstrap(t.Context(), bootstrap[0], append([]string{"--policy", policyFile, "--listen", "127.0.0.1:0"}, bootstrap[1:]...)...)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "--mode", "validate", "-c", file)
	cmd.Env = append(os.Environ(), "ENVOY_DYNAMIC_MODULES_SEARCH_PATH="+build)
	return cmd.CombinedOutput()
}
