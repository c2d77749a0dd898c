package istio_test

import (
	"strings"
	"testing"

	"wildcard-egress/bootstrap/istio"
)

func TestDestinations(t *testing.T) {
	const form = "want NAMESPACE or CIDR"
	for text, wrong := range map[string]string{
		"monitoring": "", "monitoring:4317": "", "kube-system:53/udp": "",
		"10.0.0.0/8": "", "10.1.2.3/32:443": "", "fd00::/8": "", "[fd00::/8]:443": "",
		"": form, "Big": form, "a\nb": form, "10.0.0.1": form, "0.0.0.0/0, ::/0": form,
		"a:": form, "a:0": form, "a:70000": form, "a:53/tcp": form,
		"[fd00::/8]": form, "[fd00::/8": form, "fd00::/8:443": form,
		"10.1.2.3/8": "did you mean 10.0.0.0/8?",
	} {
		d, err := istio.ParseDestination(text)
		switch {
		case wrong == "" && (err != nil || d.String() != text):
			t.Errorf("%q: %v, %q again", text, err, d)
		case wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong)):
			t.Errorf("%q: error %v, want %q in it", text, err, wrong)
		}
	}
}
