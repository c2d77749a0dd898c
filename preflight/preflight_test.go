package preflight

import (
	"strings"
	"testing"
)

func TestPreflightReadsEnvoysVersion(t *testing.T) {
	for name, tt := range map[string]struct {
		version string
		detail  string // empty: it fails
	}{
		"the oldest that is supported": {version: "abc/1.39.0/Clean/RELEASE/BoringSSL", detail: "1.39.0"},
		"the newest that was tried":    {version: "abc/1.40.0/Clean/RELEASE/BoringSSL", detail: "1.40.0"},
		"a build of Istio":             {version: "abc/1.39.4-dev/Clean/RELEASE/BoringSSL", detail: "1.39.4"},
		"a newer one, with a remark":   {version: "abc/1.41.0/Clean/RELEASE/BoringSSL", detail: "1.41.0, newer than any that was tried"},
		"an older one":                 {version: "abc/1.38.3/Clean/RELEASE/BoringSSL"},
		"another major version":        {version: "abc/2.40.0/Clean/RELEASE/BoringSSL"},
		"no number":                    {version: "abc/main/Clean/RELEASE/BoringSSL"},
		"no version at all":            {version: ""},
	} {
		t.Run(name, func(t *testing.T) {
			detail, err := checkVersion(&Gateway{version: tt.version})
			if detail != tt.detail || (err == nil) != (tt.detail != "") {
				t.Errorf("%q, %v; want %q", detail, err, tt.detail)
			}
		})
	}
}

// Envoy adds fields, and a mesh's proxy has types that only it knows.
func TestPreflightReadsAroundWhatItDoesNotKnow(t *testing.T) {
	g := &Gateway{port: 8443, listenerName: "egress", clusters: map[string]dumpedCluster{}, extensions: map[string]typed{}}
	err := g.readConfigDump([]byte(`{"configs": [{"@type": "new"}, {"static_listeners": [{"listener": {
		"name": "egress", "new": 1, "filter_chains": [{"filters": [
			{"name": "istio.stats", "typed_config": {"@type": "type.googleapis.com/stats.PluginConfig", "x": {}}}
		]}]}}]}]}`))
	if err != nil || g.listener == nil {
		t.Fatalf("listener %v, error %v", g.listener, err)
	}
	if _, err := checkChain(g); err == nil || !strings.Contains(err.Error(), "is not in it: istio.stats") {
		t.Errorf("error %v, want the chain's filters by name", err)
	}
}

func TestAnswersOfAnotherServerAreNotReadAsEnvoys(t *testing.T) {
	for name, answer := range map[string]string{"text": "xyz", "nothing": "", "other JSON": "[1]", "cut": `{"version":`} {
		err := Ready(func(string) ([]byte, error) { return []byte(answer), nil }, 8443)
		if err == nil || !strings.Contains(err.Error(), "not what Envoy's admin interface answers") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestTheAgentsOwnLogIsNoPartOfTheAnswer(t *testing.T) {
	const log = "2026-11-26T05:50:45.759963Z\twarn\tOS CA Cert could not be found for agent\n"
	for _, answer := range []string{"{}", "", "a: 1\n" + log} {
		ask := Pod(func(...string) ([]byte, error) { return []byte(log + log + answer), nil }, "ns", "pod")
		if got, err := ask("/stats"); err != nil || string(got) != answer {
			t.Errorf("%q, %v; want %q", got, err, answer)
		}
	}
}
