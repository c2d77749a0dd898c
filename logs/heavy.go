package logs

import (
	"cmp"
	"container/heap"
	"slices"
)

// heavy counts keys in bounded memory: the Space-Saving algorithm (Metwally,
// Agrawal, El Abbadi 2005). While there are no more keys than its capacity all is
// exact. Beyond, a new key takes the place of the one that was counted least, and
// that count: of n counted, none is too high by more than n/capacity, and each key
// with more than that is there.
type heavy[K comparable, V any] struct {
	capacity int
	counted  int
	slots    map[K]*slot[K, V]
	least    slotHeap[K, V] // of all slots; nil until the capacity is reached
}

// slot is one key.
type slot[K comparable, V any] struct {
	key   K
	count int
	over  int // by which count may be too high
	value V
	place int // in the heap
}

func newHeavy[K comparable, V any](capacity int) *heavy[K, V] {
	return &heavy[K, V]{capacity: capacity, slots: map[K]*slot[K, V]{}}
}

// add counts a key n times and returns its value; fresh: it was not there.
func (h *heavy[K, V]) add(key K, n int) (value *V, fresh bool) {
	h.counted += n
	s, known := h.slots[key]
	switch {
	case known:
		s.count += n
		if h.least != nil {
			heap.Fix(&h.least, s.place)
		}
	case len(h.slots) < h.capacity:
		s = &slot[K, V]{key: key, count: n}
		h.slots[key] = s
	default:
		s = h.replaceLeast(key, n)
	}
	return &s.value, !known
}

func (h *heavy[K, V]) replaceLeast(key K, n int) *slot[K, V] {
	if h.least == nil {
		for _, s := range h.slots {
			s.place = len(h.least)
			h.least = append(h.least, s)
		}
		heap.Init(&h.least)
	}
	s := h.least[0]
	delete(h.slots, s.key)
	*s = slot[K, V]{key: key, count: s.count + n, over: s.count}
	h.slots[key] = s
	heap.Fix(&h.least, 0)
	return s
}

// missing is what a key that is not there may have at most; 0: all are there.
func (h *heavy[K, V]) missing() int {
	if h.least == nil {
		return 0
	}
	return h.least[0].count
}

// top returns the n keys with the highest counts that are sure, all for 0; order
// breaks ties.
func (h *heavy[K, V]) top(n int, order func(a, b K) int) []*slot[K, V] {
	all := make([]*slot[K, V], 0, len(h.slots))
	for _, s := range h.slots {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *slot[K, V]) int {
		return cmp.Or(cmp.Compare(b.count-b.over, a.count-a.over), cmp.Compare(b.count, a.count), order(a.key, b.key))
	})
	if n > 0 && n < len(all) {
		all = all[:n]
	}
	return all
}

type slotHeap[K comparable, V any] []*slot[K, V]

func (h slotHeap[K, V]) Len() int           { return len(h) }
func (h slotHeap[K, V]) Less(i, j int) bool { return h[i].count < h[j].count }
func (h slotHeap[K, V]) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}
func (h *slotHeap[K, V]) Push(any) { panic("a full table does not grow") }
func (h *slotHeap[K, V]) Pop() any { panic("a full table does not shrink") }
