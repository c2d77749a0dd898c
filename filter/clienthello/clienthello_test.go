package clienthello_test

import (
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/clienthello/hellotest"
)

// outcome is all that a Parser says of some bytes, in values that compare.
type outcome struct {
	Result, Reason, Name string
	ECH                  bool
	Protocols            []string
	Versions             []uint16
}

func outcomeOf(hello clienthello.Hello, err error) outcome {
	o := outcome{Name: string(hello.ServerName), ECH: hello.ECH, Protocols: hello.Protocols(), Versions: hello.Versions()}
	var refusal *clienthello.Error
	switch {
	case err == nil:
		o.Result = hellotest.Accepted
		return o
	case errors.Is(err, clienthello.ErrIncomplete):
		o.Result, o.Reason = hellotest.Incomplete, hellotest.Incomplete
		return o
	case errors.As(err, &refusal):
		o.Reason = refusal.Reason
	}
	switch {
	case errors.Is(err, clienthello.ErrNotTLS):
		o.Result = hellotest.NotTLS
	case errors.Is(err, clienthello.ErrNoServerName):
		o.Result = hellotest.NoServerName
	case errors.Is(err, clienthello.ErrMalformed), errors.Is(err, clienthello.ErrTooLarge):
		o.Result = hellotest.Malformed
	}
	return o
}

// feed gives raw to a new parser in pieces of the sizes that next returns.
func feed(raw []byte, next func() int) outcome {
	var p clienthello.Parser
	for len(raw) > 0 {
		n := min(max(next(), 1), len(raw))
		// The capacity ends with the piece, so that reading on would panic.
		if hello, err := p.Feed(raw[:n:n]); !errors.Is(err, clienthello.ErrIncomplete) {
			return outcomeOf(hello, err)
		}
		raw = raw[n:]
	}
	return outcomeOf(p.Feed(nil))
}

func sizes(n ...int) func() int {
	i := -1
	return func() int { i = min(i+1, len(n)-1); return n[i] }
}

func atOnce(raw []byte) outcome { return feed(raw, sizes(len(raw))) }

// want is the outcome for the parser: the check of the name comes after it.
func want(c hellotest.Case) outcome {
	if c.Reason == "invalid_server_name" {
		c.Result, c.Reason = hellotest.Accepted, ""
	}
	return outcome{Result: c.Result, Reason: c.Reason, Name: c.Sent, ECH: c.ECH}
}

func TestFeed(t *testing.T) {
	for _, c := range hellotest.All() {
		t.Run(c.Name, func(t *testing.T) {
			got := atOnce(c.Bytes)
			got.Protocols, got.Versions = nil, nil
			if want := want(c); !reflect.DeepEqual(got, want) {
				t.Errorf("Feed(%d bytes): got %+v, want %+v", len(c.Bytes), got, want)
			}
		})
	}
}

func TestFeedAfterTheResultRefuses(t *testing.T) {
	var p clienthello.Parser
	raw := hellotest.Whole(hellotest.Chrome(hellotest.Site).Message())
	if _, err := p.Feed(raw); err != nil {
		t.Fatal(err)
	}
	want := outcome{Result: hellotest.Malformed, Reason: "fed_after_the_result", Protocols: []string{}, Versions: []uint16{}}
	if got := outcomeOf(p.Feed(raw)); !reflect.DeepEqual(got, want) {
		t.Errorf("second Feed: got %+v, want %+v", got, want)
	}
}

func TestMaxBytes(t *testing.T) {
	raw := hellotest.Whole(hellotest.OfSize(hellotest.Site, 20000))
	for maxBytes, want := range map[int]error{
		0: clienthello.ErrTooLarge, -1: clienthello.ErrTooLarge,
		19999: clienthello.ErrTooLarge, 20000: nil, 65536: nil,
	} {
		p := clienthello.Parser{MaxBytes: maxBytes}
		if _, err := p.Feed(raw); !errors.Is(err, want) {
			t.Errorf("MaxBytes %d: Feed(a hello of 20000 bytes) = %v, want %v", maxBytes, err, want)
		}
	}
}

func TestRecordsAndHelloBytes(t *testing.T) {
	message := hellotest.OfSize(hellotest.Site, 1000)
	raw := append(hellotest.Records(message, 300), hellotest.Record(hellotest.ApplicationData, []byte("behind"))...)
	var p clienthello.Parser
	if _, err := p.Feed(raw); err != nil || p.Records() != 4 || p.HelloBytes() != 1000 {
		t.Errorf("Records() = %d, HelloBytes() = %d, %v, want 4, 1000, nil", p.Records(), p.HelloBytes(), err)
	}
}

func TestFeedAllocatesNothingForAHelloAtOnce(t *testing.T) {
	for _, c := range hellotest.All() {
		if len(c.Message) > 4096 || c.Message == nil || strings.HasPrefix(c.Name, "many unknown extensions") {
			continue
		}
		allocs := testing.AllocsPerRun(10, func() {
			var p clienthello.Parser
			_, _ = p.Feed(c.Bytes)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations, want 0", c.Name, allocs)
		}
	}
}

func TestFeedAllocatesByWhatCameNotByWhatWasAnnounced(t *testing.T) {
	const parsers, received = 1000, 100
	raw := hellotest.Whole(hellotest.OfSize(hellotest.Site, 16384))[:received]
	var before, after runtime.MemStats
	kept := make([]clienthello.Parser, parsers)
	runtime.ReadMemStats(&before)
	for i := range kept {
		for b := range raw {
			if _, err := kept[i].Feed(raw[b : b+1]); !errors.Is(err, clienthello.ErrIncomplete) {
				t.Fatal(err)
			}
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / parsers; each > 6*received {
		t.Errorf("%d bytes allocated for %d bytes of a hello of 16384, want at most %d", each, received, 6*received)
	}
}

func TestProtocolsAndVersions(t *testing.T) {
	for name, tt := range map[string]struct {
		hello hellotest.Hello
		want  outcome
	}{
		"Chrome offers GREASE and two versions": {
			hello: hellotest.Chrome(hellotest.Site),
			want:  outcome{ECH: true, Protocols: []string{"h2", "http/1.1"}, Versions: []uint16{0xdada, 0x0304, 0x0303}},
		},
		"without supported_versions the legacy version counts": {
			hello: hellotest.Old(0x0302, hellotest.ServerName(hellotest.Site)),
			want:  outcome{Protocols: []string{}, Versions: []uint16{0x0302}},
		},
		"a legacy version over TLS 1.2 is TLS 1.2": {
			hello: hellotest.Old(0x0304, hellotest.ServerName(hellotest.Site)),
			want:  outcome{Protocols: []string{}, Versions: []uint16{0x0303}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.want.Result, tt.want.Name = hellotest.Accepted, hellotest.Site
			if got := atOnce(hellotest.Whole(tt.hello.Message())); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
