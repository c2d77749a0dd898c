//go:build !fault

package envoy

// Fault panics at the named point when a test build asks for it; see fault_on.go.
func Fault(string) {}
