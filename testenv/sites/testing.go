package sites

import (
	"fmt"
	"testing"

	"wildcard-egress/testenv/poll"
)

// WantConnections waits until exactly n connections have reached all sites.
func (u *Upstreams) WantConnections(t testing.TB, n int) {
	t.Helper()
	wantCount(t, "all sites", u.Connections, n)
}

// WantConnections waits until exactly n connections have reached the site.
func (s *Site) WantConnections(t testing.TB, n int) {
	t.Helper()
	wantCount(t, s.Name, func() int { return len(s.Connections()) }, n)
}

func wantCount(t testing.TB, where string, count func() int, want int) {
	t.Helper()
	poll.Want(t, func() error {
		if got := count(); got != want {
			return fmt.Errorf("%d connections to %s, want %d", got, where, want)
		}
		return nil
	})
}
