package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"wildcard-egress/accesslog"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/logs"
)

// lineFormat has time, caller, server name, decision, rule or reason, upstream.
const lineFormat = "  %-12s  %-14s  %-24s  %-8s  %-34s  %s\n"

// decisions shows the proxies' access logs line by line, as people read them.
type decisions struct {
	w       io.Writer
	verbose bool // JSON, as it is in the logs but for the order of the keys
	env     *testenv.Env
	seen    map[*logs.Access]int // lines
}

func (d *decisions) heading() {
	if !d.verbose {
		fmt.Fprintf(d.w, lineFormat, "time", "caller", "server name", "decision", "rule or reason", "upstream")
	}
}

// print shows what came since it was called last, in the order of time.
func (d *decisions) print() error {
	var fresh []logs.Entry
	for _, log := range []*logs.Access{d.env.GatewayLog, d.env.SidecarLog} {
		if log == nil {
			continue // in ambient mode there is no sidecar
		}
		entries, err := log.Entries()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, entry := range entries[d.seen[log]:] {
			// The gateway has a line for what the sidecar sent to it.
			if d.verbose || entry.Get("filter_chain_name") != "to_gateway" {
				fresh = append(fresh, entry)
			}
		}
		d.seen[log] = len(entries)
	}
	slices.SortStableFunc(fresh, func(a, b logs.Entry) int { return cmp.Compare(a.Get("time"), b.Get("time")) })
	for _, entry := range fresh {
		if d.verbose {
			fmt.Fprintf(d.w, "  %s\n", inOrder(entry))
		} else {
			fmt.Fprint(d.w, line(entry))
		}
	}
	return nil
}

// tlsCause is the name that BoringSSL has for what went wrong.
var tlsCause = regexp.MustCompile(`:([A-Z][A-Z_]+):`)

func line(e logs.Entry) string {
	_, clock, _ := strings.Cut(strings.TrimSuffix(e.Get("time"), "Z"), "T")
	decision, why := e.Get("decision"), e.Get("reason")
	switch {
	case e.Get("filter_chain_name") != "": // of the sidecar
		decision, why = "allow", "the sidecar passes it on"
		if e.Get("filter_chain_name") == "blocked" {
			decision, why = "deny", "not listed at the sidecar"
		}
	case decision == "":
		decision = "deny"
	case decision == "allow" && why == "":
		why = "rule " + e.Get("rule")
	case e.Get("rule") != "":
		why += ", rule " + e.Get("rule")
	}
	if cause := tlsCause.FindStringSubmatch(e.Get("downstream_transport_failure_reason")); cause != nil {
		why += ": " + strings.ToLower(strings.ReplaceAll(cause[1], "_", " "))
	}
	return fmt.Sprintf(lineFormat, clock, caller(e), cmp.Or(e.Get("server_name"), "-"), decision, why,
		cmp.Or(e.Get("upstream_remote_address"), e.Get("upstream_host"), "-"))
}

// caller is namespace and service account of a workload's SPIFFE ID.
func caller(e logs.Entry) string {
	principal := e.Get("principal")
	if e.Get("filter_chain_name") != "" {
		return "(at sidecar)"
	}
	if parts := strings.Split(principal, "/"); len(parts) == 7 && parts[3] == "ns" && parts[5] == "sa" {
		return parts[4] + "/" + parts[6]
	}
	return cmp.Or(principal, "unknown")
}

// inOrder is the line with its keys in the order of the schema, time first; Envoy
// sorts them by their letters.
func inOrder(e logs.Entry) []byte {
	var names []string
	for _, field := range accesslog.Fields() {
		names = append(names, field.Name)
	}
	keys := make([]string, 0, len(e))
	for key := range e {
		keys = append(keys, key)
	}
	rank := func(key string) int {
		if i := slices.Index(names, key); i >= 0 {
			return i
		}
		return len(names)
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	var text bytes.Buffer
	for i, key := range keys {
		value, err := json.Marshal(e[key])
		if err != nil {
			value = []byte(`"` + err.Error() + `"`) // it came from JSON
		}
		fmt.Fprintf(&text, "%c%q:%s", "{,"[min(i, 1)], key, value)
	}
	return append(text.Bytes(), '}')
}
