package testenv

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// permanent marks an error that no retry will mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// poll calls try until it returns nil or a permanent error, or until ctx ends;
// the error is then try's last.
func poll(ctx context.Context, try func() error) error {
	ticker := time.NewTicker(pollInterval)
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

// pollFor is poll with a deadline.
func pollFor(timeout time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return poll(ctx, try)
}
