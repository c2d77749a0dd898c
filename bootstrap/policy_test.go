package bootstrap_test

import (
	"reflect"
	"testing"

	"wildcard-egress/bootstrap"
	"wildcard-egress/filter/policy/document"
)

func TestHostsOf(t *testing.T) {
	for name, tt := range map[string]struct {
		policy string
		want   bootstrap.Hosts
	}{
		"exact names and wildcards as they are": {
			policy: `{version: 1, rules: [{name: a, hosts: [api.stripe.com, "*.wikipedia.org"]}]}`,
			want:   bootstrap.Hosts{Names: []string{"api.stripe.com", "*.wikipedia.org"}},
		},
		"a glob by its narrowest cover": {
			policy: `{version: 1, rules: [{name: a, hosts: ["ec2.*.amazonaws.com", "api-*.eu.example.com"]}]}`,
			want:   bootstrap.Hosts{Names: []string{"*.amazonaws.com", "*.eu.example.com"}},
		},
		"the star means every name": {
			policy: `{version: 1, rules: [{name: a, hosts: ["*"]}]}`,
			want:   bootstrap.Hosts{Any: true},
		},
		"rules with principals and other ports are listed": {
			policy: `{version: 1, rules: [{name: a, hosts: [a.example.com], principals: ["spiffe://x/y"], ports: [8443]}]}`,
			want:   bootstrap.Hosts{Names: []string{"a.example.com"}},
		},
		"a denied host is not listed": {
			policy: `{version: 1, rules: [{name: a, hosts: [a.example.com]}, {name: b, action: deny, hosts: [b.example.com]}]}`,
			want:   bootstrap.Hosts{Names: []string{"a.example.com"}},
		},
		"a shadow rule opens nothing": {
			policy: `{version: 1, rules: [{name: a, mode: shadow, hosts: [a.example.com]}]}`,
			want:   bootstrap.Hosts{},
		},
		"the shadow default lets every name through": {
			policy: `{version: 1, defaults: {mode: shadow}, rules: [{name: a, hosts: [a.example.com]}]}`,
			want:   bootstrap.Hosts{Any: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := document.Parse("policy.yaml", []byte(tt.policy))
			if err != nil {
				t.Fatal(err)
			}
			if got := bootstrap.HostsOf(d); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("HostsOf: got %+v, want %+v", got, tt.want)
			}
		})
	}
}
