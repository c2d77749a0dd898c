package istio_test

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"wildcard-egress/bootstrap/istio"
)

func TestServiceEntryHasTheNarrowestHostsThatIstioCanSay(t *testing.T) {
	for name, tt := range map[string]struct {
		policy string
		hosts  []string
		ports  []uint32
		notes  []string // parts of them
	}{
		"names and wildcards as they are": {
			policy: `{version: 1, rules: [{name: a, hosts: [api.stripe.com, "*.wikipedia.org"]}]}`,
			hosts:  []string{"*.wikipedia.org", "api.stripe.com"}, ports: []uint32{443},
		},
		"a glob by its cover, with a note": {
			policy: `{version: 1, rules: [{name: a, hosts: ["ec2.*.amazonaws.com"]}]}`,
			hosts:  []string{"*.amazonaws.com"}, ports: []uint32{443},
			notes: []string{`rule a: "ec2.*.amazonaws.com": Istio can say no narrower than "*.amazonaws.com"`},
		},
		"what a wildcard covers is left out, for Istio a duplicate": {
			policy: `{version: 1, rules: [{name: a, hosts: ["*.example.com", "*.a.example.com", b.c.example.com, example.com, notexample.com]}]}`,
			hosts:  []string{"*.example.com", "example.com", "notexample.com"}, ports: []uint32{443},
		},
		"a label that Istio refuses is widened away": {
			policy: `{version: 1, rules: [{name: a, hosts: [my_bucket.example.com, "*.x_y.example.org"]}]}`,
			hosts:  []string{"*.example.com", "*.example.org"}, ports: []uint32{443},
			notes: []string{`"my_bucket.example.com"`, `"*.x_y.example.org"`},
		},
		"a name without a dot is a service to Istio": {
			policy: `{version: 1, rules: [{name: a, hosts: [localhost, a.example.com]}]}`,
			hosts:  []string{"a.example.com"}, ports: []uint32{443},
			notes: []string{`"localhost": Istio takes a name without a dot`},
		},
		"every name can not be said": {
			policy: `{version: 1, rules: [{name: a, hosts: ["*"]}, {name: b, hosts: ["*.com"]}]}`,
			hosts:  []string{"*.com"}, ports: []uint32{443},
			notes: []string{`rule a: "*": Istio can not route every name`},
		},
		"the ports of all rules": {
			policy: `{version: 1, defaults: {ports: [443, 8443]}, rules: [{name: a, hosts: [a.example.com]}, {name: b, hosts: [b.example.com], ports: [993, 443]}]}`,
			hosts:  []string{"a.example.com", "b.example.com"}, ports: []uint32{443, 993, 8443},
		},
		"deny and shadow rules open nothing": {
			policy: `{version: 1, rules: [{name: a, hosts: [a.example.com]}, {name: b, action: deny, hosts: [b.example.com], ports: [1]}, {name: c, mode: shadow, hosts: [c.example.com], ports: [2]}]}`,
			hosts:  []string{"a.example.com"}, ports: []uint32{443},
		},
		"the shadow default lets shadow rules through, to be reported": {
			policy: `{version: 1, defaults: {mode: shadow}, rules: [{name: a, hosts: [a.example.com]}]}`,
			hosts:  []string{"a.example.com"}, ports: []uint32{443},
			notes: []string{"defaults.mode shadow: Istio can not route every name"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := render(t, tt.policy, nil)
			entries := hostEntries(t, m)
			if len(entries) != 1 {
				t.Fatalf("%d ServiceEntries, want one", len(entries))
			}
			if !slices.Equal(entries[0].Hosts, tt.hosts) {
				t.Errorf("hosts: got %q, want %q", entries[0].Hosts, tt.hosts)
			}
			var ports []uint32
			for _, p := range entries[0].Ports {
				ports = append(ports, p.Number)
			}
			if !slices.Equal(ports, tt.ports) {
				t.Errorf("ports: got %v, want %v", ports, tt.ports)
			}
			wantNotes(t, m, tt.notes)
		})
	}
}

func wantNotes(t *testing.T, m istio.Manifests, want []string) {
	t.Helper()
	if len(m.Notes) != len(want) {
		t.Fatalf("notes %q, want %d", m.Notes, len(want))
	}
	for i, part := range want {
		if !strings.Contains(m.Notes[i], part) {
			t.Errorf("note %q, want %q in it", m.Notes[i], part)
		}
		if !strings.Contains(string(m.Stream()), "\n# Note: "+m.Notes[i]) {
			t.Errorf("the manifests do not have the note %q", m.Notes[i])
		}
	}
}

func TestRenderRefusesAPolicyThatIstioCanNotCarry(t *testing.T) {
	for name, text := range map[string]string{
		"every name alone":     `{version: 1, rules: [{name: a, hosts: ["*"]}]}`,
		"nothing enforced":     `{version: 1, rules: [{name: a, mode: shadow, hosts: [a.example.com]}]}`,
		"only deny rules":      `{version: 1, rules: [{name: a, action: deny, hosts: [a.example.com]}]}`,
		"only one-label names": `{version: 1, rules: [{name: a, hosts: [localhost]}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := istio.Render(parse(t, text), istio.DefaultOptions())
			if err == nil || !strings.Contains(err.Error(), "no enforced allow rule with a host that Istio can route") {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("larger than an object of Kubernetes, packed too", func(t *testing.T) {
		p := parse(t, richPolicy)
		noise := make([]byte, 1<<21)
		_, _ = rand.NewChaCha8([32]byte{}).Read(noise)
		p.Text = append(p.Text, "# "+hex.EncodeToString(noise)+"\n"...)
		if _, err := istio.Render(p, istio.DefaultOptions()); err == nil || !strings.Contains(err.Error(), "bytes of data; Kubernetes takes") {
			t.Errorf("error %v", err)
		}
	})
}

func TestALargePolicyIsPacked(t *testing.T) {
	p := parse(t, manyHosts(100))
	p.Text = append(p.Text, strings.Repeat("# comment\n", 120_000)...)
	m, err := istio.Render(p, istio.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range specs[*corev1.ConfigMap](t, m) {
		reader, err := gzip.NewReader(bytes.NewReader(c.BinaryData["policy.yaml"]))
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(reader); err != nil || !bytes.HasPrefix(text, p.Text) { // an end mark may be behind it
			t.Errorf("%d bytes, %v; want the policy's %d", len(text), err, len(p.Text))
		}
	}
}
