package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
)

// stream is a connection to an echoing site.
type stream struct {
	conn    client.Conn
	seed    uint64
	trips   atomic.Int64
	slowest atomic.Int64 // round trip, ns
}

// openStreams opens n connections to hosts below zone, one to each name, and
// waits for the echo of their hellos. They are closed at the test's end.
func openStreams(t *testing.T, env *testenv.Env, n int, zone string) []*stream {
	t.Helper()
	streams := make([]*stream, n)
	failIfAny(t, "streams could not be opened", inParallel(n, 8, func(i int) (err error) {
		streams[i], err = openStream(env, hello(fmt.Sprintf("s%d.%s", i%50, zone)))
		return err
	}))
	if t.Failed() {
		t.FailNow()
	}
	t.Cleanup(func() {
		for _, s := range streams {
			s.conn.Close()
		}
	})
	return streams
}

func openStream(env *testenv.Env, hello []byte) (*stream, error) {
	conn, err := env.DialGateway(env.App())
	if err != nil {
		return nil, err
	}
	s := &stream{conn: conn, seed: rand.Uint64()}
	if _, err = conn.Write(hello); err == nil {
		err = s.wantBack(hello)
	}
	return s, errors.Join(err, conn.SetDeadline(time.Time{}))
}

func (s *stream) wantBack(sent []byte) error {
	got := make([]byte, len(sent))
	if n, err := io.ReadFull(s.conn, got); err != nil {
		return fmt.Errorf("after %d of %d bytes: %w", n, len(sent), err)
	}
	if !bytes.Equal(got, sent) {
		return fmt.Errorf("%d bytes came back altered", len(sent))
	}
	return nil
}

// talk sends random bytes and wants them back, again and again, until ctx ends.
func (s *stream) talk(ctx context.Context, every time.Duration, size int) error {
	random := rand.New(rand.NewPCG(s.seed, 1))
	chunk := make([]byte, size)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		for i := range chunk {
			chunk[i] = byte(random.Uint32())
		}
		begin := time.Now()
		if _, err := s.conn.Write(chunk); err != nil {
			return err
		}
		if err := s.wantBack(chunk); err != nil {
			return err
		}
		s.trips.Add(1)
		s.slowest.Store(max(s.slowest.Load(), int64(time.Since(begin))))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// conversation is streams that talk.
type conversation struct {
	streams []*stream
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	errs     []error
	firstEnd time.Time // of the first error
}

// talkAll has all streams talk until stop is called.
func talkAll(streams []*stream, every time.Duration, size int) *conversation {
	ctx, cancel := context.WithCancel(context.Background())
	c := &conversation{streams: streams, cancel: cancel}
	for _, s := range streams {
		c.running.Go(func() {
			if err := s.talk(ctx, every, size); err != nil {
				c.mu.Lock()
				if c.errs = append(c.errs, err); len(c.errs) == 1 {
					c.firstEnd = time.Now()
				}
				c.mu.Unlock()
			}
		})
	}
	return c
}

// broken returns how many streams have ended so far.
func (c *conversation) broken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.errs)
}

// stop ends the talk between two round trips and returns what went wrong.
func (c *conversation) stop() []error {
	c.cancel()
	c.running.Wait()
	return c.errs
}

// awaitEnd returns when the other side has ended the stream.
func (s *stream) awaitEnd(limit time.Duration) error {
	if err := s.conn.SetReadDeadline(time.Now().Add(limit)); err != nil {
		return err
	}
	_, err := s.conn.Read(make([]byte, 1))
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("still open after %v (%w)", limit, err)
	}
	return nil
}

func slowest(streams []*stream) time.Duration {
	var worst int64
	for _, s := range streams {
		worst = max(worst, s.slowest.Load())
	}
	return time.Duration(worst)
}

func trips(streams []*stream) (n int64) {
	for _, s := range streams {
		n += s.trips.Load()
	}
	return n
}
