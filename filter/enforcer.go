package filter

import (
	"context"
	"log/slog"
	"sync"

	"github.com/envoyproxy/envoy/contrib/golang/common/go/api"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/policy"
)

// Enforcer is what the connections of one filter_config share. It is safe for
// use by all workers; its fields must not change once it is in use.
type Enforcer struct {
	// Policy returns the policy in force; nil denies everything.
	Policy func() *policy.Policy
	// Newest returns the policy that tracked connections must satisfy to live
	// on. It is Policy's, but for a configuration that a newer one has replaced.
	Newest func() *policy.Policy
	// ID is what ParseLabel gives back for the connections of this Enforcer.
	ID uint32
	// Caller says where callers and the ports that they ask for are read.
	Caller Caller
	// UpstreamPort is dialled instead of the rule's port if it is not 0: for
	// trials on a machine where port 443 is not to be had.
	UpstreamPort uint16
	// Names are for the whole process.
	Names *Names
	// Rules are for the whole process.
	Rules *RuleLabels
	// MaxConnections is how many connections Envoy takes in all; 0: not known.
	MaxConnections uint32
	// Log takes a line for each refusal at level info, but no more than the
	// limit allows, and for each allowed connection at level debug.
	Log *slog.Logger

	limit       lineLimit
	strangeOnce sync.Once
}

// NewFilter returns the filter of one connection.
func (e *Enforcer) NewFilter(conn Connection) api.DownstreamFilter {
	settings := e.Policy().Settings()
	return &filter{conn: conn, enforcer: e, settings: settings,
		parser: clienthello.Parser{MaxBytes: settings.MaxClientHelloBytes}}
}

func (e *Enforcer) logAllowed(r request, d policy.Decision) {
	if !e.Log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	e.Log.Debug("connection allowed", "server_name", r.shown, "rule", d.Rule, "principal", r.Principal)
}

// logRefused leaves at most one line. A client that left without a word, such
// as a health check, is worth one at level debug only.
func (e *Enforcer) logRefused(r request, d policy.Decision, begun bool) {
	level := slog.LevelInfo
	if !begun && d.Reason == Incomplete {
		level = slog.LevelDebug
	}
	if !e.Log.Enabled(context.Background(), level) {
		return
	}
	leftOut, ok := e.limit.allow()
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.String("reason", string(d.Reason)), slog.String("server_name", r.shown),
		slog.String("principal", r.Principal), slog.String("rule", d.Rule)}
	if r.detail != "" {
		attrs = append(attrs, slog.String("detail", r.detail))
	}
	if r.caller != r.Principal {
		attrs = append(attrs, slog.String("address", r.caller))
	}
	if leftOut > 0 {
		attrs = append(attrs, slog.Int("lines_left_out", leftOut))
	}
	e.Log.LogAttrs(context.Background(), level, "connection refused", attrs...)
}
