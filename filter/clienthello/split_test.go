package clienthello_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/clienthello/hellotest"
)

// stride is the step from cut to cut: 1, but for the few large inputs, which
// would take most of the time.
func stride(b []byte) int { return 1 + len(b)/4096*16 }

func TestFeedIsTheSameForAnySplitIntoReads(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, c := range hellotest.All() {
		t.Run(c.Name, func(t *testing.T) {
			want := atOnce(c.Bytes)
			check := func(how string, next func() int) {
				if got := feed(c.Bytes, next); !reflect.DeepEqual(got, want) {
					t.Fatalf("%s: got %+v, want %+v", how, got, want)
				}
			}
			check("byte by byte", sizes(1))
			for cut := 1; cut < len(c.Bytes); cut += stride(c.Bytes) {
				check("cut in two", sizes(cut, len(c.Bytes)))
			}
			for range 20 {
				limit := 1 + random.IntN(300)
				check("random pieces", func() int { return random.IntN(limit) })
			}
		})
	}
}

func TestFeedIsTheSameForAnySplitIntoRecords(t *testing.T) {
	for _, c := range hellotest.All() {
		if c.Message == nil {
			continue // the records are the point of this case
		}
		t.Run(c.Name, func(t *testing.T) {
			want := atOnce(c.Bytes)
			check := func(how string, raw []byte) {
				if got := atOnce(raw); !reflect.DeepEqual(got, want) {
					t.Fatalf("%s: got %+v, want %+v", how, got, want)
				}
			}
			for size := 1; size < min(len(c.Message), 200); size += stride(c.Message) {
				check("records of one size", hellotest.Records(c.Message, size))
			}
			for cut := 1; cut < len(c.Message); cut += stride(c.Message) {
				front, back := hellotest.Whole(c.Message[:cut]), hellotest.Whole(c.Message[cut:])
				check("two records", append(front, back...))
			}
		})
	}
}

func TestNeedIsALowerBound(t *testing.T) {
	for _, c := range hellotest.All() {
		for _, raw := range [][]byte{c.Bytes, hellotest.Records(c.Message, 3)} {
			for start := range min(len(raw), 400) {
				var p clienthello.Parser
				if _, err := p.Feed(raw[:start]); !errors.Is(err, clienthello.ErrIncomplete) {
					break
				}
				need := p.Need()
				if need < 1 {
					t.Fatalf("%s: Need() after %d bytes = %d, want at least 1", c.Name, start, need)
				}
				end := min(start+need-1, len(raw))
				if _, err := p.Feed(raw[start:end]); !errors.Is(err, clienthello.ErrIncomplete) {
					t.Fatalf("%s: Need() after %d bytes = %d, but %d bytes more give %v", c.Name, start, need, end-start, err)
				}
			}
		}
	}
}

// feedByNeed is what the host does: it enters the parser only when the bytes
// that it asked for are there.
func feedByNeed(raw []byte) (o outcome, calls int) {
	var p clienthello.Parser
	fed := 0
	for have := range len(raw) + 1 {
		if have-fed < p.Need() && have < len(raw) {
			continue
		}
		calls++
		hello, err := p.Feed(raw[fed:have])
		if fed = have; !errors.Is(err, clienthello.ErrIncomplete) || have == len(raw) {
			return outcomeOf(hello, err), calls
		}
	}
	return outcome{}, calls
}

func TestNeedKeepsTheParserOutOfADribble(t *testing.T) {
	for name, tt := range map[string]struct {
		raw   []byte
		calls int
	}{
		"a hello in one record":         {hellotest.Whole(hellotest.OfSize(hellotest.Site, 16384)), 6},
		"a hello in two records":        {hellotest.Records(hellotest.OfSize(hellotest.Site, 16384), 10000), 7},
		"a hello in records of a byte":  {hellotest.Records(hellotest.OfSize(hellotest.Site, 1000), 1), 1005},
		"a protocol that is not TLS":    {[]byte("GET / HTTP/1.1"), 1},
		"a handshake that is not hello": {hellotest.Whole([]byte{2, 0, 0, 0}), 4},
	} {
		t.Run(name, func(t *testing.T) {
			got, calls := feedByNeed(tt.raw)
			if want := atOnce(tt.raw); !reflect.DeepEqual(got, want) {
				t.Errorf("byte by byte: got %+v, want %+v", got, want)
			}
			if calls > tt.calls {
				t.Errorf("%d calls of Feed for %d bytes, want at most %d", calls, len(tt.raw), tt.calls)
			}
		})
	}
}
