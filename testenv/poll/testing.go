package poll

import (
	"testing"
	"time"
)

// wantTimeout is long: only a test that fails waits for all of it, and a loaded
// machine is no failure.
const wantTimeout = 30 * time.Second

// Want waits until check returns nil, and fails the test if it does not in time.
func Want(t testing.TB, check func() error) {
	t.Helper()
	if err := For(wantTimeout, check); err != nil {
		t.Error(err)
	}
}
