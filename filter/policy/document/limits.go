package document

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Limits are how much of the gateway may be had. Of a policy's defaults they
// concern all its connections, of a rule those that it lets through.
type Limits struct {
	Mode      Mode
	PerCaller Allowance // of each caller
	Total     Allowance // of all callers together
	// Duration is how long a connection may last from its decision on; 0: for ever.
	Duration time.Duration
}

// Allowance is what one party may have; 0: any number.
type Allowance struct {
	Connections    uint32 // at a time
	NewConnections uint32 // a second; as many can come at once
	Names          uint32 // different host names at a time
	NewNames       uint32 // a second; those of ten seconds can come at once
}

// DefaultLimits are those of a policy that says nothing else. One caller can have
// a quarter of what the rendered gateway has: 8,192 connections, 4,096 names.
var DefaultLimits = Limits{PerCaller: Allowance{Connections: 2048, NewConnections: 500, Names: 1024, NewNames: 20}}

// maxAllowance is above what any gateway has.
const maxAllowance = 1_000_000

// The longest duration of a connection.
const (
	minDuration = time.Second
	maxDuration = 30 * 24 * time.Hour
)

// allowanceField is one of the numbers of an allowance.
type allowanceField struct {
	Name string // in the policy file
	Of   func(*Allowance) *uint32
}

// allowanceFields are all of them.
var allowanceFields = []allowanceField{
	{"connections", func(a *Allowance) *uint32 { return &a.Connections }},
	{"new_connections_per_second", func(a *Allowance) *uint32 { return &a.NewConnections }},
	{"names", func(a *Allowance) *uint32 { return &a.Names }},
	{"new_names_per_second", func(a *Allowance) *uint32 { return &a.NewNames }},
}

// values returns the fields as the policy file has them.
func (l Limits) values() []Value {
	values := []Value{{"limits.mode", l.Mode.String()}}
	for _, whose := range []struct {
		name string
		Allowance
	}{{"per_caller", l.PerCaller}, {"total", l.Total}} {
		for _, f := range allowanceFields {
			values = append(values, Value{"limits." + whose.name + "." + f.Name, allowedText(*f.Of(&whose.Allowance))})
		}
	}
	duration := unlimited
	if l.Duration != 0 {
		duration = l.Duration.String()
	}
	return append(values, Value{"limits.connection_duration", duration})
}

func allowedText(n uint32) string {
	if n == 0 {
		return unlimited
	}
	return strconv.Itoa(int(n))
}

// String returns what is limited, as the policy file has it; empty for nothing.
func (a Allowance) String() string {
	var limited []string
	for _, f := range allowanceFields {
		if n := *f.Of(&a); n != 0 {
			limited = append(limited, fmt.Sprintf("%s: %d", f.Name, n))
		}
	}
	return strings.Join(limited, ", ")
}
