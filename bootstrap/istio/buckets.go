package istio

import (
	"fmt"
	"hash/fnv"
	"math"
)

// A bucket is the share of the hosts that stands in one object. Which bucket a
// host is in depends on nothing but its name and the number of buckets, so that
// an edit changes the objects of the hosts that it names and no others.
type bucket struct {
	name  string // of the object that holds it
	hosts []string
}

// bucketsOf deals hosts out to as few buckets as hold at most limit each; their
// number is a power of two. When it doubles, bucket i gives some of its hosts to
// a new one. The new ones come first: a host that moves is in its new object
// before it leaves the old one, and no sidecar is without it in between. The
// hosts of a bucket are in the order given.
func bucketsOf(name string, hosts []string, limit int) []bucket {
	for n := 1; ; n *= 2 {
		if dealt, ok := deal(name, hosts, limit, n); ok {
			return dealt
		}
	}
}

// fixedBuckets deals hosts out to n buckets. No host ever moves.
func fixedBuckets(name string, hosts []string, n int) []bucket {
	dealt, _ := deal(name, hosts, math.MaxInt, n)
	return dealt
}

func deal(name string, hosts []string, limit, n int) ([]bucket, bool) {
	dealt := make([]bucket, n)
	for _, host := range hosts {
		h := fnv.New64a()
		h.Write([]byte(host))
		b := &dealt[n-1-int(h.Sum64()%uint64(n))]
		if len(b.hosts) == limit {
			return nil, false
		}
		b.hosts = append(b.hosts, host)
	}
	var filled []bucket
	for i, b := range dealt {
		if len(b.hosts) > 0 {
			b.name = fmt.Sprintf("%s-%d", name, n-1-i)
			filled = append(filled, b)
		}
	}
	return filled, true
}
