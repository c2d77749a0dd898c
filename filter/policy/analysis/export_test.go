package analysis

// LookAt has a comparison look at few edited hosts, until the returned function is
// called.
func LookAt(few int) (restore func()) {
	before := fewEdited
	fewEdited = few
	return func() { fewEdited = before }
}
