// Package preflight asks a running gateway whether it does what it should: a
// model of what Envoy's admin interface says (Gateway), and checks on it, one
// function each. An open port proves nothing, and config_dump shows a refused
// configuration too, so the module's own metrics are asked as well.
//
// It only reads.
package preflight
