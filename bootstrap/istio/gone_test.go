package istio_test

import (
	"slices"
	"testing"

	"wildcard-egress/bootstrap/istio"
)

func TestGoneIsWhatApplyWouldLeave(t *testing.T) {
	full := func(o *istio.Options) { o.AppNamespaces = []string{"shop", "payments"} }
	for name, tt := range map[string]struct {
		with func(*istio.Options)
		want []string // among others
		all  int
	}{
		"nothing changed": {with: full},
		"an application namespace less": {with: func(o *istio.Options) { o.AppNamespaces = []string{"shop"} }, all: 2, want: []string{
			"kubectl delete networkpolicy.networking.k8s.io wildcard-egress.wildcard-egress -n payments",
			"kubectl delete sidecar.networking.istio.io wildcard-egress.wildcard-egress -n payments",
		}},
		"another API": {with: func(o *istio.Options) { full(o); o.API = istio.GatewayAPI }, all: 3, want: []string{
			"kubectl delete gateway.networking.istio.io wildcard-egress -n wildcard-egress",
		}},
		"by ECDS": {with: func(o *istio.Options) { full(o); o.PolicyBy = istio.ByECDS }, all: 1, want: []string{
			"kubectl delete configmap wildcard-egress-policy -n wildcard-egress",
		}},
		"another name": {with: func(o *istio.Options) { full(o); o.Name = "other" }, all: 23, want: []string{
			"kubectl delete deployment.apps wildcard-egress -n wildcard-egress",
		}},
		"another namespace": {with: func(o *istio.Options) { full(o); o.Namespace = "other" }, all: 24, want: []string{
			"kubectl delete namespace wildcard-egress",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			gone, err := render(t, richPolicy, tt.with).Gone(render(t, richPolicy, full).Folder())
			if err != nil || len(gone) != tt.all {
				t.Errorf("%d gone, %v, want %d: %q", len(gone), err, tt.all, gone)
			}
			for _, want := range tt.want {
				if !slices.Contains(gone, want) {
					t.Errorf("gone: %q, want %q among them", gone, want)
				}
			}
		})
	}
}
