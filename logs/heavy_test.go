package logs

import (
	"cmp"
	"math/rand/v2"
	"testing"
)

// What heavy promises, held against exact counts: of n, no count is too high by
// more than n/capacity, none is too low, and each key with more than that is there.
func TestHeavyKeepsItsBounds(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		capacity, keys := 1+random.IntN(40), 1+random.IntN(100)
		exact, h := map[int]int{}, newHeavy[int, int](capacity)
		n := 0
		for range random.IntN(3000) {
			key := int(float64(keys) * random.Float64() * random.Float64())
			times := 1 + random.IntN(3)
			n += times
			exact[key] += times
			value, fresh := h.add(key, times)
			if fresh {
				*value = key
			}
			if *value != key {
				t.Fatalf("seed %d: the value of %d is that of %d", seed, key, *value)
			}
		}
		for key, s := range h.slots {
			if s.count < exact[key] || s.count-s.over > exact[key] || s.over > n/capacity {
				t.Fatalf("seed %d: %d counted %d (over %d), it is %d; n %d, capacity %d", seed, key, s.count, s.over, exact[key], n, capacity)
			}
		}
		for key, count := range exact {
			if h.slots[key] == nil && (count > h.missing() || count > n/capacity) {
				t.Fatalf("seed %d: %d with %d is not there; missing %d", seed, key, count, h.missing())
			}
		}
		if len(exact) <= capacity && h.missing() != 0 {
			t.Fatalf("seed %d: %d keys of %d, and not all exact", seed, len(exact), capacity)
		}
		if top := h.top(3, cmp.Compare[int]); len(top) != min(3, len(h.slots)) {
			t.Fatalf("seed %d: top 3 of %d has %d", seed, len(h.slots), len(top))
		}
	}
}
