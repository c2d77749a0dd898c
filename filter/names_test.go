package filter

import (
	"fmt"
	"testing"
	"time"
)

var begin = time.Unix(1_700_000_000, 0)

func TestNewNamesComeAtTheirRate(t *testing.T) {
	var n Names
	allowance := []nameAllowance{{party: "a", perSecond: 20}}
	asked, entered := 0, 0
	for now := begin; now.Before(begin.Add(time.Minute)); now = now.Add(time.Millisecond) {
		asked++
		if n.ask(now, fmt.Sprint(asked), allowance) < 0 {
			entered++
		}
	}
	if want := 20 * (60 + 10); entered < want-1 || entered > want+1 {
		t.Errorf("%d of %d names in a minute, want %d: 20 a second, and those of ten seconds at once", entered, asked, want)
	}
	if over := n.ask(begin.Add(time.Minute), "1", allowance); over >= 0 {
		t.Error("a name that is known is refused: it is free")
	}
	if over := n.ask(begin.Add(time.Minute), "other", []nameAllowance{{party: "b", perSecond: 20}}); over >= 0 {
		t.Error("another party is refused")
	}
}

func TestNamesAtATimeAreThoseInUse(t *testing.T) {
	var n Names
	allowance := []nameAllowance{{party: "all"}, {party: "a", names: 3}}
	for i, want := range []int{-1, -1, -1, 1, 1} {
		if over := n.ask(begin, fmt.Sprint(i), allowance); over != want {
			t.Errorf("name %d: over %d, want %d", i, over, want)
		}
	}
	half := begin.Add(NamesLifetime / 2)
	n.ask(half, "0", allowance) // is in use
	late := begin.Add(NamesLifetime + time.Second)
	for i, want := range []int{-1, -1, -1, 1} { // 0 is there, 1 and 2 have room again
		if over := n.ask(late, fmt.Sprint(i), allowance); over != want {
			t.Errorf("later, name %d: over %d, want %d", i, over, want)
		}
	}
	n.ask(late.Add(time.Hour), "x", nil)
	if len(n.held) != 0 || len(n.parties) != 0 {
		t.Errorf("%d names of %d parties are held after an hour, want none", len(n.held), len(n.parties))
	}
}

// What is refused to one party is entered for none.
func TestRefusedNameIsEnteredForNone(t *testing.T) {
	var n Names
	n.ask(begin, "x", []nameAllowance{{party: "full", names: 1}})
	before := len(n.held)
	if over := n.ask(begin, "y", []nameAllowance{{party: "a", names: 1}, {party: "full", names: 1}}); over != 1 || len(n.held) != before {
		t.Errorf("over %d, %d names held; want 1 and %d", over, len(n.held), before)
	}
	if over := n.ask(begin, "z", []nameAllowance{{party: "a", names: 1}}); over >= 0 {
		t.Error("a's only name was taken by one that was refused")
	}
}

// 100,000 callers, and names without end: what is kept is bounded, and there is
// always room for a new caller.
func TestNamesAreBounded(t *testing.T) {
	var n Names
	for i := range maxHeldNames + 1000 {
		if over := n.ask(begin, fmt.Sprint(i), []nameAllowance{{party: fmt.Sprint("caller ", i%100_000), names: 1000}}); over >= 0 {
			t.Fatalf("name %d is refused", i)
		}
	}
	if len(n.held) > maxHeldNames || len(n.parties) != 100_000 {
		t.Errorf("%d names of %d parties are held, want %d at most, of 100000", len(n.held), len(n.parties), maxHeldNames)
	}
	sum := uint32(0)
	for _, p := range n.parties {
		sum += p.names
	}
	if int(sum) != len(n.held) {
		t.Errorf("the parties have %d names in all, %d are held", sum, len(n.held))
	}
}

func BenchmarkAsk(b *testing.B) {
	var n Names
	names := make([]string, 4096)
	for i := range names {
		names[i] = fmt.Sprint("name", i, ".example.com")
	}
	allowances := []nameAllowance{{party: "caller", names: 1 << 20}, {party: "all"}}
	for i := 0; b.Loop(); i++ {
		n.ask(begin, names[i%len(names)], allowances)
	}
}
