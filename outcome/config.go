package outcome

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
)

// FilterName is the filter_name that Envoy's configuration calls this filter by.
const FilterName = "wildcard_egress_outcome"

// Config is the filter_config, JSON: what the DNS cache before this filter was
// told, so that the same question can be asked again.
type Config struct {
	// Family is a --dns-family.
	Family string `json:"dns_family"`
	// Resolvers are the DNS servers; none: those of the system.
	Resolvers []netip.AddrPort `json:"dns_resolvers,omitempty"`
	// Denied are the ranges that the address guard drops.
	Denied []netip.Prefix `json:"denied,omitempty"`
}

// ParseConfig reads a filter_config.
func ParseConfig(raw []byte) (Config, error) {
	var c Config
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&c); err != nil {
		return Config{}, fmt.Errorf("filter_config of %s: %w", FilterName, err)
	}
	return c, nil
}

// networks are what package net calls the families to ask for.
func (c Config) networks() string {
	switch c.Family {
	case "v4_only":
		return "ip4"
	case "v6_only":
		return "ip6"
	}
	return "ip"
}
