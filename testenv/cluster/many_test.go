package cluster_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// manyHosts is a policy of n hosts, three to a domain, with two ports.
func manyHosts(n int) string {
	var text strings.Builder
	text.WriteString("version: 1\ndefaults: {ports: [443, 8443]}\nrules:\n- name: many\n  hosts:\n  - en.wikipedia.org\n")
	for i := range n - 1 {
		fmt.Fprintf(&text, "  - h%d.example%d.%s\n", i, i/3, []string{"com", "net", "org", "io", "dev"}[i/3%5])
	}
	return text.String() + "...\n"
}

// Policies of many hosts apply as rendering says, and the last of their hosts
// gets through. The times are in the log.
func TestManyHosts(t *testing.T) {
	shop := startApplication(t, "shop")
	for _, size := range []struct {
		hosts  int
		cover  string
		chains int // of the sidecar, for one port; 0: as many as the cover makes
	}{
		{hosts: 1, cover: "host", chains: 1}, {hosts: 256, cover: "host", chains: 256}, {hosts: 257, cover: "host", chains: 257},
		{hosts: 6000, cover: "domain"}, {hosts: 20000, cover: "top-level"}, {hosts: 100000, cover: "top-level"}, {hosts: 2000, cover: "host", chains: 2000},
	} {
		t.Run(fmt.Sprintf("%d by %s", size.hosts, size.cover), func(t *testing.T) {
			begin := time.Now()
			g := prepareGateway(t, manyHosts(size.hosts), "--app-namespace=shop", "--cover="+size.cover)
			rendered := time.Since(begin)
			out := kubectl(t, "", "apply", "--server-side", "-k", g.dir)
			applied := time.Since(begin) - rendered
			shop.hasChains(t, size.chains)
			pushed := time.Since(begin) - rendered - applied
			g.rolledOut(t)
			shop.reaches(t, "en.wikipedia.org", "443")
			t.Logf("%d objects; rendered in %.1f s, applied in %.1f s, all in the sidecar %.1f s later; its heap: %d MB",
				strings.Count(out, "\n"), rendered.Seconds(), applied.Seconds(), pushed.Seconds(), shop.heap(t)>>20)
		})
	}
}

func (a *application) hasChains(t *testing.T, n int) {
	t.Helper()
	await(t, func() error {
		names, err := a.sidecarNames("0.0.0.0_443")
		if err == nil && (len(names) == 0 || n > 0 && len(names) != n) {
			err = fmt.Errorf("%d server names in the sidecar, want %d", len(names), n)
		}
		return err
	})
}

// heap is what the sidecar's Envoy has allocated, in bytes.
func (a *application) heap(t *testing.T) uint64 {
	t.Helper()
	text, err := proxy(a.namespace, "app", "memory")
	if err != nil {
		t.Fatal(err)
	}
	var memory struct {
		Allocated uint64 `json:"allocated,string"`
	}
	if err := json.Unmarshal([]byte(text), &memory); err != nil {
		t.Fatal(err)
	}
	return memory.Allocated
}
