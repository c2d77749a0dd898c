package policy

// Document is a policy file as written, checked but not compiled: what the
// renderers and the command line read. Rules keep the file's order.
type Document struct{}

// Parse reads and checks a policy, YAML or JSON. file is the name for errors.
// It reports all mistakes at once, as Problems.
func Parse(file string, data []byte) (*Document, error) { return nil, nil }

// Compile returns the policy in force for d. It cannot fail: Parse checked d.
func (d *Document) Compile() *Policy { return nil }
