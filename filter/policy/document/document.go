// Package document is the policy file as it is written: its fields, host
// patterns and principals, each checked with its place. It decides nothing, and
// it runs when a file is loaded, for no connection.
package document

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"wildcard-egress/filter/policy/strictyaml"
)

// The mistakes of a policy file.
type (
	Problem  = strictyaml.Problem
	Problems = strictyaml.Problems
)

// Document is a policy file as written, checked but not compiled: what the
// renderers and the command line read. Rules keep the file's order, and all
// values are effective: the defaults are filled in.
type Document struct {
	Version  int // always 1
	Defaults Defaults
	Rules    []Rule

	File    string              // its name, for messages
	EndMark bool                // it ends in a way that a truncated file does not (HasEndMark)
	ModeAt  strictyaml.Position // of defaults.mode, if it is given
}

// Defaults are the values of rules that don't say otherwise, and Settings.
type Defaults struct {
	Ports    []uint16 // of allow rules; never empty
	Mode     Mode     // also of what no rule allows
	OnRevoke OnRevoke
	Settings
}

// Rule is one entry of the policy's rules.
type Rule struct {
	Name       string // unique
	Action     Action
	Mode       Mode
	Hosts      []Pattern // never empty, without repetition
	Principals []string  // SPIFFE IDs or globs of them; empty for every caller
	Ports      []uint16  // the first is the default upstream port; empty (every port) in deny rules only
	OnRevoke   OnRevoke
	Limits     *Limits // beside those of the defaults; nil: none
	// AfterHosts has the fields behind hosts that make the rule narrower, or turn
	// it into a deny rule: a truncated file may lose them and keep the hosts.
	AfterHosts []string

	At      strictyaml.Position
	HostsAt []strictyaml.Position // one for each of Hosts
	// PrincipalsAt has one for each of Principals.
	PrincipalsAt []strictyaml.Position
	LimitsAt     strictyaml.Position
}

func (r *Rule) limits() (l Limits) {
	if r.Limits != nil {
		l = *r.Limits
	}
	return l
}

// Hash returns a hexadecimal SHA-256 of what the policy says. Comments, layout,
// spelling of hosts, YAML or JSON and written-out defaults don't change it;
// every value and the order do.
func (d *Document) Hash() string {
	h := sha256.New()
	s := d.Defaults
	fmt.Fprintf(h, "%d %v %v %v %+v\n", d.Version, s.Ports, s.Mode, s.OnRevoke, s.Settings)
	for _, r := range d.Rules {
		fmt.Fprintf(h, "%q %v %v %v %v %q %+v\n", r.Name, r.Action, r.Mode, r.OnRevoke, r.Ports, r.Principals, r.limits())
		for _, host := range r.Hosts {
			fmt.Fprintln(h, host.text)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
