package istio_test

import (
	"strings"
	"testing"

	"wildcard-egress/bootstrap/istio"
)

func TestOptionsThatKubernetesOrIstioWouldRefuse(t *testing.T) {
	for name, tt := range map[string]struct {
		with func(*istio.Options)
		want string
	}{
		"a name in capitals":             {func(o *istio.Options) { o.Name = "Egress" }, `--name "Egress": want lower case letters`},
		"a name that is too long":        {func(o *istio.Options) { o.Name = strings.Repeat("a", 64) }, "--name"},
		"name and namespace too long":    {func(o *istio.Options) { o.Name = strings.Repeat("a", 60) }, "with the namespace it is longer than 62 bytes"},
		"a namespace with a dot":         {func(o *istio.Options) { o.Namespace = "a.b" }, `--namespace "a.b"`},
		"an application namespace":       {func(o *istio.Options) { o.AppNamespaces = []string{"a_b"} }, `--app-namespace "a_b"`},
		"no application namespace":       {func(o *istio.Options) { o.AppNamespaces = nil }, "--app-namespace"},
		"an application namespace twice": {func(o *istio.Options) { o.AppNamespaces = []string{"a", "a"} }, "named twice"},
		"applications beside the gateway": {func(o *istio.Options) { o.AppNamespaces = []string{"wildcard-egress"} },
			`--app-namespace "wildcard-egress": that is the gateway's own`},
		"istiod's namespace":         {func(o *istio.Options) { o.IstioNamespace = "" }, "--istio-namespace"},
		"the cluster's domain":       {func(o *istio.Options) { o.ClusterDomain = ".local" }, "--cluster-domain"},
		"a revision with a space":    {func(o *istio.Options) { o.Revision = "a b" }, `--revision "a b"`},
		"no image":                   {func(o *istio.Options) { o.Image = "" }, `--image ""`},
		"an image in capitals":       {func(o *istio.Options) { o.Image = "Egress:1" }, "in lower case"},
		"no group of editors":        {func(o *istio.Options) { o.PolicyEditors = "" }, "--policy-editors"},
		"a line break in a comment":  {func(o *istio.Options) { o.PolicyEditors = "a\nb" }, "--policy-editors"},
		"no pods":                    {func(o *istio.Options) { o.Replicas = 0 }, "--replicas 0"},
		"fewer pods at most":         {func(o *istio.Options) { o.MaxReplicas = 1 }, "--max-replicas 1: want --replicas (2) or more"},
		"a privileged port":          {func(o *istio.Options) { o.Port = 443 }, "--port 443"},
		"a port of Istio's own":      {func(o *istio.Options) { o.Port = 15021 }, "--port 15021"},
		"an unknown way":             {func(o *istio.Options) { o.PolicyBy = "mail" }, `--policy-by "mail": want configmap or ecds`},
		"an unknown API":             {func(o *istio.Options) { o.API = "ingress" }, `--api "ingress": want istio or gateway`},
		"an unknown delivery":        {func(o *istio.Options) { o.Delivery = "post" }, `--delivery "post": want image or mount`},
		"an unknown cover":           {func(o *istio.Options) { o.Cover = "all" }, `--cover "all": want host, domain or top-level`},
		"an unknown part":            {func(o *istio.Options) { o.Without = []istio.Part{"service"} }, `--without "service": want one of horizontalpodautoscaler, namespace`},
		"a part twice":               {func(o *istio.Options) { o.Without = []istio.Part{"role", "role"} }, `--without "role": named twice`},
		"ECDS without EnvoyFilter":   {func(o *istio.Options) { o.PolicyBy, o.NoEnvoyFilter = istio.ByECDS, true }, "--policy-by ecds is an EnvoyFilter"},
		"Gateway API without either": {func(o *istio.Options) { o.API, o.NoEnvoyFilter = istio.GatewayAPI, true }, "--api gateway has no part in it"},
	} {
		t.Run(name, func(t *testing.T) {
			o := istio.DefaultOptions()
			tt.with(&o)
			_, err := istio.Render(parse(t, richPolicy), o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestOptionsReportEveryMistake(t *testing.T) {
	err := istio.Options{}.Validate()
	for _, flag := range []string{"--name", "--namespace", "--app-namespace", "--istio-namespace", "--cluster-domain", "--image",
		"--policy-editors", "--replicas", "--port", "--policy-by", "--api", "--delivery"} {
		if err == nil || !strings.Contains(err.Error(), flag+" ") {
			t.Errorf("%s is not among the mistakes: %v", flag, err)
		}
	}
}

func TestTheGatewayTakesAsManyWaitingConnectionsAsAsked(t *testing.T) {
	for _, f := range render(t, richPolicy, func(o *istio.Options) { o.Network.MaxWaiting = 123 }).Files {
		text := string(f.Content)
		if f.Name == "envoyfilter.yaml" && (!strings.Contains(text, "max_waiting: 123\n") || !strings.Contains(text, `value: "123"`)) {
			t.Error("--max-waiting does not reach both filters")
		}
	}
}

func TestLimitsOfNamesFitIntoTheCache(t *testing.T) {
	o := istio.DefaultOptions()
	o.Network.DNSNames = 100
	_, err := istio.Render(parse(t, `{version: 1, defaults: {limits: {per_caller: {names: 101}}}, rules: [{name: a, hosts: [a.example.com]}]}`), o)
	if err == nil || !strings.Contains(err.Error(), "--dns-names") {
		t.Errorf("error %v, want it to name --dns-names", err)
	}
}
