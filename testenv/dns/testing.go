package dns

import (
	"fmt"
	"testing"

	"wildcard-egress/testenv/poll"
)

// WantQueries waits until DNS was asked for name, or fails.
func (d *Server) WantQueries(t testing.TB, name string) {
	t.Helper()
	poll.Want(t, func() error {
		if d.Asked(name) == 0 {
			return fmt.Errorf("no DNS query for %q among %v", name, d.Queries())
		}
		return nil
	})
}

// WantNoQueries fails if DNS was asked for anything.
func (d *Server) WantNoQueries(t testing.TB) {
	t.Helper()
	if queries := d.Queries(); len(queries) > 0 {
		t.Errorf("DNS was asked %v, want no query", queries)
	}
}
