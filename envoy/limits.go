package envoy

// #include "conn.h"
import "C"

import (
	"hash/maphash"
	"time"
	"unsafe"
)

// Allowance is what one party may have of the gateway: a caller, a rule, all
// together. The figures are those of the whole process.
type Allowance struct {
	Party       string // who it is; any text
	Connections uint32 // at a time; 0: any number
	PerSecond   uint32 // new ones, and as many at once; 0: any number
	// When the next party has Crowd connections, this one gets more only while it
	// has less than Share; 0: always.
	Crowd, Share uint32
}

// MaxParties is for how many parties a connection is counted at most.
const MaxParties = C.LIMITED_PARTIES

// Room says whether a connection found room.
type Room int

// The answers of Conn.Enter.
const (
	WithinLimits          Room = C.WITHIN_LIMITS
	TooManyConnections    Room = C.TOO_MANY_CONNECTIONS
	TooManyNewConnections Room = C.TOO_MANY_NEW_CONNECTIONS
	NoMemory              Room = C.NO_MEMORY_TO_COUNT
)

// Two hashes with seeds of their own make a key that nobody can foresee.
var partySeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// Enter counts the connection for all parties until it ends or, when one of them
// has no room, for none: party is then which, by its index. There are MaxParties
// at most. A second call takes back the first.
func (c *Conn) Enter(allowances []Allowance) (room Room, party int) {
	counted := make([]C.struct_allowance, min(len(allowances), MaxParties))
	for i, a := range allowances[:len(counted)] {
		for j, seed := range partySeeds {
			counted[i].key[j] = C.uint64_t(maphash.String(seed, a.Party))
		}
		counted[i].connections, counted[i].per_second = C.uint32_t(a.Connections), C.uint32_t(a.PerSecond)
		counted[i].crowd, counted[i].share = C.uint32_t(a.Crowd), C.uint32_t(a.Share)
	}
	var which C.size_t
	C.limits_leave(&c.c.forwarded)
	result := C.limits_enter(&c.c.forwarded, unsafe.SliceData(counted), C.size_t(len(counted)), &which)
	c.effects.allowances = counted
	return Room(result), int(which)
}

// Leave takes back what Enter counted.
func (c *Conn) Leave() { C.limits_leave(&c.c.forwarded) }

// LastAtMost has the Factory, as an Expirer, end the connection when it has been
// forwarded for so long; 0: never.
func (c *Conn) LastAtMost(d time.Duration) { c.c.duration_ns = C.uint64_t(d.Nanoseconds()) }

// Expirer is a Factory whose filters call Conn.LastAtMost.
type Expirer interface {
	// OnExpire must close a connection that has lasted as long as it may. The Conn
	// is only for this call; the connection has no filter any more.
	OnExpire(*Conn)
}

// Shedder is a Factory whose connections Shed ends.
type Shedder interface {
	// OnShed must close the connection. The Conn is only for this call; the
	// connection has no filter any more.
	OnShed(*Conn)
}

// LimitConnections lets so many connections of the whole process be, those that
// wait for their decision included; negative: any number. What is there stays. Any
// thread.
func LimitConnections(most int) { C.pressure_set(C.int64_t(most)) }

// Connections is how many there are.
func Connections() int { return int(C.pressure_connections()) }

// TakeUnwanted is how many connections LimitConnections has had closed since it was
// last asked.
func TakeUnwanted() int { return int(C.pressure_take_refused()) }

// Shed ends up to so many connections that were let through, 128 at most, of those
// whose first party has most, the newest first. It returns how many. Any thread.
func Shed(n int) int { return int(C.deadlines_shed(C.size_t(max(n, 0)))) }

// Parties is how many parties are being counted in this process.
func Parties() int { return int(C.limits_parties()) }

// LimitWaiting sets how many connections may wait for their decision, from accept
// on, of one source address and in all, for the whole process; 0 leaves what it
// is. Those beyond are closed, and counted as the counter with this index. It is
// possible only in NewFactory, and each must say the counter.
func (c *Config) LimitWaiting(perSource, total uint32, counter int) {
	c.c.waiting_counter = C.size_t(counter)
	if total != 0 {
		C.limits_set_waiting(C.uint32_t(perSource), C.uint32_t(total))
	}
}
