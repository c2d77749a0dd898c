package abitest_test

import (
	"bytes"
	"testing"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/envoy"
	"wildcard-egress/envoy/abitest"
)

// What the filter does next, in FuzzHooks.
const (
	doStop = iota
	doAllow
	doClose
	doPanic
	doNonsense
	doWait
	doTrack
	deeds
)

// story is one connection of FuzzHooks, and what it must be.
type story struct {
	conn     *abitest.Conn
	sent     []byte // by the client, before the decision
	seen     []byte // by the filter
	deed     byte
	decided  bool // the filter has let it go on, or it has ended
	allowed  bool
	entered  bool // Go ran although all was decided
	problems []string
}

func (s *story) data(conn *envoy.Conn, b []byte, _ bool) api.FilterStatus {
	s.entered = s.entered || s.decided
	s.seen = append(s.seen, b...)
	switch s.deed % deeds {
	case doAllow:
		s.decided, s.allowed = true, true
		return api.NetworkFilterContinue
	case doClose:
		s.decided = true
		conn.Write([]byte("alert"))
		conn.Close("refused", api.FlushWrite)
	case doPanic:
		s.decided = true
		panic("forced")
	case doNonsense:
		return api.FilterStatus(-7)
	case doWait:
		conn.WaitFor(int(s.deed))
	case doTrack:
		conn.Track("label")
	}
	return api.NetworkFilterStopIteration
}

// step is one thing that happens to the connection.
func (s *story) step(what, how byte) {
	switch what % 7 {
	case 0:
		s.append(bytes.Repeat([]byte{how}, int(how)))
	case 1:
		for range how % 100 {
			s.append([]byte{how})
		}
	case 2, 3:
		s.read(what%7 == 3)
	case 4:
		if _, closed := s.conn.Closed(); closed {
			return // Envoy raises nothing more
		}
		s.conn.Event(uint(how % 6)) // two of them unknown
	case 5:
		s.conn.Scheduled(uint64(how % 3))
	case 6:
		s.deed = how
	}
	if _, closed := s.conn.Closed(); closed {
		s.decided, s.allowed = true, false
	}
}

func (s *story) append(b []byte) {
	s.conn.Append(b)
	if !s.decided {
		s.sent = append(s.sent, b...)
	}
}

func (s *story) read(end bool) {
	if _, closed := s.conn.Closed(); closed {
		return
	}
	got := s.conn.Read(end)
	if _, closed := s.conn.Closed(); (got == abitest.Continue) != (s.allowed && !closed) {
		s.problems = append(s.problems, "a read passes that was not allowed, or stops one that was")
	}
}

// FuzzHooks has a connection live through anything: nothing passes without the
// filter's word, each byte is shown once and in order, Go is left alone after
// the decision, and nothing remains at the end.
func FuzzHooks(f *testing.F) {
	f.Add([]byte{4, 2, 0, 10, 2, 0, 6, doAllow, 1, 3, 2, 0, 0, 5, 2, 0, 3, 0, 4, 0})
	f.Add([]byte{4, 2, 6, doWait, 1, 99, 2, 0, 1, 99, 2, 0, 6, doClose, 3, 0, 5, 0})
	f.Add([]byte{4, 2, 6, doTrack, 0, 1, 2, 0, 6, doPanic, 0, 1, 2, 0, 4, 1, 5, 1})
	f.Add([]byte{6, doAllow, 4, 2, 0, 1, 2, 0, 5, 0, 5, 1, 4, 5})
	f.Add([]byte{4, 0, 2, 0})
	f.Add([]byte{4, 4, 0, 1, 3, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		s := &story{}
		config := start(t, &script{data: s.data, deadline: func(*envoy.Conn) {}, revoke: func(*envoy.Conn) {}})
		s.conn = config.Accept()
		for ; len(steps) > 1; steps = steps[2:] {
			s.step(steps[0], steps[1])
		}
		if s.entered {
			t.Error("the filter was called after the decision")
		}
		if !bytes.HasPrefix(s.sent, s.seen) {
			t.Errorf("the filter saw %q, which is not how %q begins", s.seen, s.sent)
		}
		for _, problem := range s.problems {
			t.Error(problem)
		}
		s.conn.End()
		config.End()
		wantNothingLeft(t)
	})
}
