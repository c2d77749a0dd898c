//go:build !fault

package envoy

// fault panics in the named hook when a test build asks for it; see fault_on.go.
func fault(string) {}
