package memory

// Guard is what a gateway does that comes near to its limit of memory: it takes no
// more connections than it has, then it ends some. It does not wait for memory to
// be given back: an allocator keeps what it had, and has it for others.
type Guard struct {
	capped bool
	most   int
	mark   uint64 // the least use since it last grew
	calm   int    // steps since then
}

const (
	fullPercent     = 90 // no more connections than there are
	sheddingPercent = 95 // and fewer, as long as use grows
	easedPercent    = 85 // as many as they like
	// shedAtOnce is how many end in one step: a few milliseconds of a worker.
	shedAtOnce = 100
	// calmSteps is how long use must not have grown by a growthPart of the limit
	// until some more connections are tried.
	calmSteps  = 10
	growthPart = 1000
	moreAtOnce = 10
)

// Action is what is to be done.
type Action struct {
	Capped bool
	Most   int // connections, if Capped
	Shed   int // how many to end
}

// Step takes how much memory is in use of how much, and how many connections there
// are. Call it ten times a second.
func (g *Guard) Step(used, limit uint64, connections int) (a Action) {
	grows := used > g.mark+limit/growthPart
	if grows || used < g.mark {
		g.mark = used
	}
	g.calm++
	if grows {
		g.calm = 0
	}
	switch percent := used * 100 / limit; {
	case percent < easedPercent:
		g.capped = false
	case percent >= fullPercent && (grows || !g.capped):
		if percent >= sheddingPercent {
			a.Shed = min(shedAtOnce, connections)
		}
		g.capped, g.most = true, connections-a.Shed
	case g.capped && g.calm >= calmSteps:
		g.calm = 0
		g.most += moreAtOnce
	}
	if g.capped {
		a.Capped, a.Most = true, g.most
	}
	return a
}
