package policy

import (
	"cmp"
	"iter"
)

// runs cuts a list into runs of elements with the same key.
func runs[T any](list []T, key func(T) string) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		for len(list) > 0 {
			n := 1
			for n < len(list) && key(list[n]) == key(list[0]) {
				n++
			}
			if !yield(list[:n:n]) {
				return
			}
			list = list[n:]
		}
	}
}

// links returns for each of n sorted strings the nearest earlier one that
// begins it, or -1. All strings that begin a given one are then reached from
// the place where it would be sorted in.
func links(n int, begins func(i, j int) bool) []int {
	links := make([]int, n)
	for j := range n {
		i := j - 1
		for i >= 0 && !begins(i, j) {
			i = links[i]
		}
		links[j] = i
	}
	return links
}

// compareFromEnd compares two strings read backwards.
func compareFromEnd(a, b string) int {
	for i := 1; i <= len(a) && i <= len(b); i++ {
		if c := cmp.Compare(a[len(a)-i], b[len(b)-i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}
