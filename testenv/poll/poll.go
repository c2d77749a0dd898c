// Package poll waits for what will come, by asking again.
package poll

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const interval = 10 * time.Millisecond

// permanent marks an error that no retry will mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Stop returns err as one that ends the polling.
func Stop(err error) error { return permanent{err} }

// Until calls try until it returns nil or the error of Stop, or until ctx ends;
// the error is then try's last.
func Until(ctx context.Context, try func() error) error {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		err := try()
		var last permanent
		switch {
		case err == nil:
			return nil
		case errors.As(err, &last):
			return last.error
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		case <-ticker.C:
		}
	}
}

// For is Until with a deadline.
func For(timeout time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return Until(ctx, try)
}
