package main

import (
	"fmt"
	"slices"
	"strings"
)

// tenHosts is the list that most is measured with. The connections go to names
// under *.wikipedia.org.
var tenHosts = []string{
	"*.wikipedia.org", "*.example.com", "*.example.net", "*.example.org", "api.stripe.com",
	"*.paypal.com", "*.amazonaws.com", "*.googleapis.com", "*.github.com", "cloud.ibm.com",
}

// manyHosts returns n hosts, every second a wildcard, with tenHosts amid the
// others: who looks through a list has half of it before them.
func manyHosts(n int) []string {
	var others []string
	for i := range n - len(tenHosts) {
		name := fmt.Sprintf("service-%d.customer-%d.example", i, i%977)
		if i%2 == 0 {
			name = "*." + name
		}
		others = append(others, name)
	}
	return slices.Insert(others, len(others)/2, tenHosts...)
}

// rulesOf is how many hosts stand in one rule of a policy.
const rulesOf = 100

// policyOf returns a policy that allows hosts. The deadline is long, so that
// connections can be seen waiting for their hello, and the limits are there, but
// out of reach: all load comes of one caller.
func policyOf(hosts []string) []byte {
	var b strings.Builder
	b.WriteString("version: 1\ndefaults: {client_hello_timeout: 5m, limits: {per_caller: {connections: 1000000, " +
		"new_connections_per_second: 1000000, names: 1000000, new_names_per_second: 1000000}}}\nrules:\n")
	for i, some := range slices.Collect(slices.Chunk(hosts, rulesOf)) {
		fmt.Fprintf(&b, "  - name: rule-%d\n    hosts: [\"%s\"]\n", i, strings.Join(some, `", "`))
	}
	return []byte(b.String())
}
