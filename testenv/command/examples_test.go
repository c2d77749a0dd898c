package command_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/testenv/built"
)

var update = flag.Bool("update", false, "write the sizes of examples/big")

// The folders of examples/ are what the command writes, as a team's CI checks it.
func TestExamplesAreWhatTheCommandWrites(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	in := func(name string) string { return filepath.Join(root, "examples", name) }
	for name, args := range map[string][]string{
		"the article's": {in("policy.yaml"), "--check", in("istio")},
		"a team's":      {in("team/policy.yaml"), "--options", in("team/options.yaml"), "--check", in("team/egress")},
	} {
		if out, err := built.Run(t.Context(), append([]string{"istio"}, args...)...); err != nil {
			t.Errorf("%s: %v: %s; make manifests writes it", name, err, out)
		}
	}
}

// Of a big policy the sizes alone are committed: an object more for each host
// would show here.
func TestSizesOfBigExamples(t *testing.T) {
	root, err := built.Root()
	if err != nil {
		t.Fatal(err)
	}
	var sizes strings.Builder
	sizes.WriteString("# hosts, two ports; --cover; ServiceEntries and VirtualServices; the largest and all of them, bytes.\n# Written by go -C testenv test ./command -run Sizes -update.\n")
	for _, tt := range []struct {
		hosts int
		cover string
	}{{1, "host"}, {257, "host"}, {6000, "host"}, {6000, "domain"}, {6000, "top-level"}, {20000, "top-level"}, {100000, "top-level"}} {
		file := filepath.Join(t.TempDir(), "policy.yaml")
		if err := os.WriteFile(file, bigPolicy(tt.hosts), 0o600); err != nil {
			t.Fatal(err)
		}
		stream, err := built.Run(t.Context(), "istio", file, "--cover", tt.cover)
		if err != nil {
			t.Fatal(err)
		}
		objects, largest, total := 0, 0, 0
		for _, o := range bytes.Split(stream, []byte("\n---\n")) {
			if bytes.Contains(o, []byte("\nkind: ServiceEntry\n")) || bytes.Contains(o, []byte("\nkind: VirtualService\n")) {
				objects, largest, total = objects+1, max(largest, len(o)), total+len(o)
			}
		}
		fmt.Fprintf(&sizes, "%d %s %d %d %d\n", tt.hosts, tt.cover, objects, largest, total)
	}
	file := filepath.Join(root, "examples/big/sizes.txt")
	if *update {
		if err := os.WriteFile(file, []byte(sizes.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(file); err != nil || string(want) != sizes.String() {
		t.Errorf("%v; the sizes are\n%s, want\n%s", err, sizes.String(), want)
	}
}

func bigPolicy(hosts int) []byte {
	var b bytes.Buffer
	b.WriteString("version: 1\nrules:\n- name: many\n  ports: [443, 8443]\n  hosts:\n")
	for i := range hosts {
		fmt.Fprintf(&b, "  - h%d.example%d.%s\n", i, i%max(1, hosts/3), []string{"com", "org", "net", "de", "io"}[i%5])
	}
	b.WriteString("...\n")
	return b.Bytes()
}
