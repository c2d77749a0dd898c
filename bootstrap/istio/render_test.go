package istio_test

import (
	"errors"
	"flag"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"wildcard-egress/bootstrap/istio"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/metrics"
)

var update = flag.Bool("update", false, "write the golden files")

// richPolicy has a rule of each kind that Istio sees differently.
const richPolicy = `
version: 1
rules:
  - {name: wikipedia, hosts: ["*.wikipedia.org", en.wikipedia.org]}
  - {name: clouds, hosts: ["ec2.*.amazonaws.com", "my_bucket.example.com"], ports: [443, 8443]}
  - {name: not-this, action: deny, hosts: [upload.wikipedia.org]}
  - {name: later, mode: shadow, hosts: ["*.example.net"], ports: [993]}
`

func parse(t *testing.T, text string) istio.Policy {
	t.Helper()
	d, err := document.Parse("policy.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return istio.Policy{Document: d, Text: []byte(text)}
}

func render(t *testing.T, text string, with func(*istio.Options)) istio.Manifests {
	t.Helper()
	o := istio.DefaultOptions()
	if with != nil {
		with(&o)
	}
	m, err := istio.Render(parse(t, text), o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func destination(text string) istio.Destination {
	d, err := istio.ParseDestination(text)
	if err != nil {
		panic(err)
	}
	return d
}

// Istio shows only what the pod's annotation asks for, and what it always shows.
func TestIstioShowsAllMetrics(t *testing.T) {
	always := []string{"server", "cluster_manager", "listener_manager"}
	var deployment string
	for _, f := range render(t, richPolicy, nil).Files {
		if f.Name == "deployment.yaml" {
			deployment = string(f.Content)
		}
	}
	for _, m := range slices.Concat(metrics.ByRule(), metrics.OfGateway(), metrics.OfEnvoy()) {
		name := strings.Replace(m.Name, "listener.", "listener.0.0.0.0_8443.", 1)
		shown := slices.ContainsFunc(always, func(prefix string) bool { return strings.HasPrefix(name, prefix+".") })
		for line := range strings.Lines(deployment) {
			prefix, listed := strings.CutPrefix(strings.TrimSpace(line), "- ")
			shown = shown || listed && prefix != "" && strings.HasPrefix(name, prefix)
		}
		if !shown {
			t.Errorf("no prefix in the proxy's configuration lets %s through", name)
		}
	}
}

const collector = "otel-collector.monitoring.svc.cluster.local:4317"

// variants change the options one by one.
var variants = map[string]func(*istio.Options){
	"ecds":           func(o *istio.Options) { o.PolicyBy = istio.ByECDS },
	"gateway_api":    func(o *istio.Options) { o.API = istio.GatewayAPI },
	"mount":          func(o *istio.Options) { o.Delivery = istio.ByMount },
	"no_envoyfilter": func(o *istio.Options) { o.NoEnvoyFilter = true },
	"ambient": func(o *istio.Options) {
		ambient(o)
		o.StrictNetwork, o.IPv6, o.VIP = true, true, netip.MustParseAddr("240.250.7.7")
		o.Network.OTLP = collector
	},
	"strict": func(o *istio.Options) {
		o.StrictNetwork = true
		o.Network.OTLP, o.Monitoring = collector, true
		o.AllowEgress = []istio.Destination{destination("monitoring:4317"), destination("[fd00::/8]:53/udp"), destination("10.20.0.0/16")}
		o.GatewayAllowEgress = []istio.Destination{destination("tracing")}
	},
	"without": func(o *istio.Options) {
		o.Without = []istio.Part{"namespace", "role", "horizontalpodautoscaler", "poddisruptionbudget", "telemetry", "sidecar", "networkpolicy"}
	},
	"names": func(o *istio.Options) {
		o.Name, o.Namespace, o.IstioNamespace, o.ClusterDomain = "out", "egress", "mesh", "corp.example"
		o.AppNamespaces = []string{"payments", "shop"}
		o.Revision, o.Image, o.PolicyEditors = "canary", "registry.example/egress@sha256:"+strings.Repeat("a", 64), "security"
		o.Replicas, o.MaxReplicas, o.Port = 3, 30, 9443
	},
}

// The files of the default options are examples/istio. A variant's folder has
// the files that differ from those of the same policy with default options.
func TestRenderedFilesEqualTheGoldenFiles(t *testing.T) {
	examples := filepath.Join("..", "..", "examples")
	example, err := os.ReadFile(filepath.Join(examples, "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	compareFolder(t, filepath.Join(examples, "istio"), render(t, string(example), nil).Files)

	compareFolder(t, filepath.Join(examples, "ambient"), render(t, string(example), ambient).Files)

	plain := render(t, richPolicy, nil).Files
	compareFolder(t, filepath.Join("testdata", "rich"), without(plain, render(t, string(example), nil).Files))
	for name, with := range variants {
		compareFolder(t, filepath.Join("testdata", name), without(render(t, richPolicy, with).Files, plain))
	}
}

func ambient(o *istio.Options) { o.DataPlane = istio.AmbientPlane }

func without(files, known []istio.File) []istio.File {
	return slices.DeleteFunc(slices.Clone(files), func(f istio.File) bool {
		return slices.ContainsFunc(known, func(k istio.File) bool { return reflect.DeepEqual(f, k) })
	})
}

func compareFolder(t *testing.T, dir string, files []istio.File) {
	t.Helper()
	t.Run(filepath.Base(dir), func(t *testing.T) {
		if *update {
			if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				if err := os.WriteFile(filepath.Join(dir, f.Name), f.Content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		want, got := map[string]string{}, map[string]string{}
		for _, f := range files {
			got[f.Name] = string(f.Content)
		}
		err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			text, err := os.ReadFile(filepath.Join(dir, path))
			want[path] = string(text)
			return err
		})
		if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
			t.Errorf("error %v, %s has %d files, want those of %d (-update writes them)", err, dir, len(want), len(got))
		}
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%s/%s is another (-update writes it): got\n%s", dir, name, got[name])
			}
		}
	})
}

func TestRenderGivesTheSameBytesAgain(t *testing.T) {
	for name, with := range variants {
		first := render(t, richPolicy, with)
		for range 5 {
			if got := render(t, richPolicy, with); !reflect.DeepEqual(got, first) {
				t.Fatalf("%s: rendered again: got %+v, want %+v", name, got, first)
			}
		}
	}
}

func TestHostsUnderAnOldCoverChangeOnlyThePolicysObject(t *testing.T) {
	before := `{version: 1, rules: [{name: a, hosts: ["*.example.com", "ec2.*.amazonaws.com"]}]}`
	after := `{version: 1, rules: [{name: a, hosts: ["*.example.com", "api.example.com", "s3.*.amazonaws.com"]},
		{name: b, action: deny, hosts: [upload.example.com], principals: ["spiffe://cluster.local/ns/*/sa/*"]}]}`
	for name, tt := range map[string]struct {
		with func(*istio.Options)
		want []string
	}{
		"configmap": {with: nil, want: []string{"configmap.yaml"}},
		"ecds":      {with: variants["ecds"], want: []string{"envoyfilter.yaml"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range without(render(t, after, tt.with).Files, render(t, before, tt.with).Files) {
				got = append(got, f.Name)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("changed files: got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestStreamHasEveryObjectOnce(t *testing.T) {
	m := render(t, richPolicy, nil)
	stream := string(m.Stream())
	if n := strings.Count(stream, istio.Header); n != 1 {
		t.Errorf("%d headers, want 1", n)
	}
	objects := 0
	for _, f := range m.Files {
		objects += strings.Count("\n"+string(f.Content), "\napiVersion:")
	}
	objects-- // kustomization.yaml is no object
	if got := strings.Count(stream, "\napiVersion:"); got != objects {
		t.Errorf("%d objects in the stream, %d in the files", got, objects)
	}
	if got := strings.Count(stream, "\n---\n"); got != objects-1 {
		t.Errorf("%d separators for %d objects", got, objects)
	}
}
