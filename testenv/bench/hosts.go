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
// connections can be seen waiting for their hello. The limits of a caller are
// there, but out of reach, since all load comes of one; or limited is false.
func policyOf(hosts []string, limited bool) []byte {
	most := "unlimited"
	if limited {
		most = "1000000"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\ndefaults: {client_hello_timeout: 5m, limits: {per_caller: {connections: %[1]s, "+
		"new_connections_per_second: %[1]s, names: %[1]s, new_names_per_second: %[1]s}}}\nrules:\n", most)
	for i, some := range slices.Collect(slices.Chunk(hosts, rulesOf)) {
		fmt.Fprintf(&b, "  - name: rule-%d\n    hosts: [\"%s\"]\n", i, strings.Join(some, `", "`))
	}
	return []byte(b.String())
}
