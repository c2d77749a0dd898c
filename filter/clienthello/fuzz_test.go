package clienthello_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/clienthello/hellotest"
)

// What a fuzz target puts around its input, so that the lengths outside it
// are right and mutations reach what is inside.
const (
	asBytes      = iota // nothing: the input is all that the client sends
	asBody              // the handshake header and records
	asExtensions        // a hello without extensions
	asData              // a hello, and behind its name an extension whose type is the first two bytes
	layers
)

func wrap(layer uint8, data []byte) []byte {
	data = data[:min(len(data), 1<<14)]
	n := len(data)
	switch layer % layers {
	case asBody:
		return hellotest.Whole(append([]byte{1, byte(n >> 16), byte(n >> 8), byte(n)}, data...))
	case asExtensions:
		length := []byte{byte(n >> 8), byte(n)}
		return wrap(asBody, slices.Concat(hellotest.Old(0x0303).Message()[4:], length, data))
	case asData:
		if n < 2 {
			return nil
		}
		extension := hellotest.Extension{Type: binary.BigEndian.Uint16(data), Data: data[2:]}
		if extension.Type == 0 {
			return hellotest.Whole(hellotest.Old(0x0303, extension).Message())
		}
		return hellotest.Whole(hellotest.Old(0x0303, hellotest.ServerName(hellotest.Site), extension).Message())
	}
	return data
}

// seed adds every case of a moderate size, whole and as the layers take it.
func seed(f *testing.F, add func(layer uint8, data []byte)) {
	f.Helper()
	for _, c := range hellotest.All() {
		if len(c.Bytes) < 4096 {
			add(asBytes, c.Bytes)
		}
		if len(c.Message) < 4096 && len(c.Message) > 4 {
			add(asBody, c.Message[4:])
		}
	}
	for _, extension := range hellotest.Chrome(hellotest.Site).Extensions {
		data := binary.BigEndian.AppendUint16(nil, extension.Type)
		add(asData, append(data, extension.Data...))
		length := binary.BigEndian.AppendUint16(data, uint16(len(extension.Data)))
		add(asExtensions, append(length, extension.Data...))
	}
}

// FuzzFeed looks for panics, for splits into reads that change the outcome, for
// a Need that is too large, and for bytes that count although they come behind
// the last one that matters.
func FuzzFeed(f *testing.F) {
	seed(f, func(layer uint8, data []byte) { f.Add(layer, data, uint64(len(data))) })
	f.Fuzz(func(t *testing.T, layer uint8, data []byte, splits uint64) {
		raw := wrap(layer, data)
		want := atOnce(raw)
		random := rand.New(rand.NewPCG(splits, 0))
		check := func(how string, got outcome) {
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: got %+v, want %+v", how, got, want)
			}
		}
		check("random pieces", feed(raw, func() int { return random.IntN(64) }))
		byNeed, _ := feedByNeed(raw)
		check("pieces as Need says", byNeed)
		if decided := decidedAfter(raw); decided < len(raw) {
			check("other bytes behind", atOnce(append(raw[:decided:decided], "other bytes"...)))
		}
	})
}

// decidedAfter returns how many bytes of raw, fed one by one, give the outcome.
func decidedAfter(raw []byte) int {
	var p clienthello.Parser
	for i := range raw {
		if _, err := p.Feed(raw[i : i+1]); !errors.Is(err, clienthello.ErrIncomplete) {
			return i + 1
		}
	}
	return len(raw)
}

func FuzzAgainstCryptoTLS(f *testing.F) {
	seed(f, func(layer uint8, data []byte) { f.Add(layer, data) })
	f.Fuzz(func(t *testing.T, layer uint8, data []byte) {
		checkAgainstCryptoTLS(t, wrap(layer, data))
	})
}
