package istio_test

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"wildcard-egress/bootstrap/istio"
)

// All connections full to their buffers fit into the pod's memory, with the largest
// hellos that a policy may allow, too.
func TestBuffersOfAllConnectionsFitIntoTheMemoryLimit(t *testing.T) {
	const policy = "version: 1\ndefaults: {max_client_hello_bytes: BYTES}\nrules: [{name: a, hosts: [example.com]}]"
	const connections, upstream = 8192, 64 << 10
	for hello, buffer := range map[string]int64{"512": 64 << 10, "16384": 128 << 10, "65536": 512 << 10} {
		for name, with := range map[string]func(*istio.Options){"sidecars": nil, "ambient": ambient} {
			found := false
			for _, text := range documents(t, render(t, strings.ReplaceAll(policy, "BYTES", hello), with)) {
				_, value := decode(t, text)
				d, ok := value.(*appsv1.Deployment)
				if !ok {
					continue
				}
				found = true
				limit := d.Spec.Template.Spec.Containers[0].Resources.Limits.Memory().Value()
				if needed := connections * (buffer + upstream); limit < needed {
					t.Errorf("%s, hellos of %s bytes: the limit is %d MiB, the buffers alone need %d", name, hello, limit>>20, needed>>20)
				}
			}
			if !found {
				t.Errorf("%s: no Deployment", name)
			}
		}
	}
}
