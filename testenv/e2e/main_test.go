package e2e_test

import (
	"regexp"
	"testing"

	"wildcard-egress/testenv"
)

func TestTmp(t *testing.T) {
	for _, edit := range []bool{false, true} {
		o := testenv.Options{Policy: "version: 1\nrules: [{name: w, hosts: ['*.wikipedia.org'], ports: [443]}, {name: x, hosts: ['*.wikipedia.org'], ports: [8443]}]", WithoutSidecar: true}
		if edit {
			o.EditGateway = func(b []byte) ([]byte, error) {
				re := regexp.MustCompile(`(?s)\n    listener_filters:.*?TlsInspector\n`)
				t.Logf("%q", re.Find(b))
				return re.ReplaceAll(b, []byte("\n")), nil
			}
		}
		env := testenv.Start(t, o)
		site, err := env.GetDirect(testenv.Outer{Certificate: env.Identities.App, ServerName: "outbound_.8443_.wildcard_.egressgateway.istio-egress.svc.cluster.local"}, "en.wikipedia.org")
		t.Log(site, err)
		e := env.GatewayLog.WantEntry(t, func(e testenv.Entry) bool { return true })
		t.Logf("%+v", e)
	}
}
