package accesslog

import "time"

// Entry is one line, read. Its text is printable ASCII: what else a line has is
// escaped. Keys that are absent or null are empty. What no reader of a log needs,
// such as the count of bytes, is left out.
type Entry struct {
	Time                  time.Time
	Event                 Event // empty where the gateway writes a line for each end only
	Principal             string
	ServerName            string
	Decision              string // "allow", "deny", or empty: none was made
	Rule                  string
	Reason                string
	Detail                string
	ShadowRule            string
	ShadowDecision        string
	ShadowReason          string
	RequestedServerName   string
	UpstreamRemoteAddress string
	LinesLeftOut          uint64 // refusals before it that have no line
}

// The decisions, as a line has them.
const (
	Allow = "allow"
	Deny  = "deny"
)

// IsConnection says whether the line is that of a connection's end: each has one,
// and those of other events are about the same connections.
func (e *Entry) IsConnection() bool { return e.Event == "" || e.Event == End }

// Kind is what a line of a file is.
type Kind int

// The kinds of lines.
const (
	OfGateway Kind = iota // a line of this schema
	OtherText             // no JSON object: Envoy's own log, say
	OtherJSON             // JSON of another log: a sidecar's, say
	Broken                // JSON that is cut off or damaged: at a rotation, say
	TooLong               // longer than any line of the gateway
	Empty
)

// MaxLineBytes is more than the longest line that the gateway writes, escapes
// and the prefixes of other tools included.
const MaxLineBytes = 64 << 10

// limits of what the gateway writes, in bytes, before escapes.
const (
	maxPrincipal = 2048 // SPIFFE-ID, section 2.3
	maxText      = 255  // filter cuts what it shows there
)
