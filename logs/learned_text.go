package logs

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"wildcard-egress/filter/policy/document"
)

// text is the policy. All that came from the log is a host name, a SPIFFE ID, a
// number, or quoted.
func (learned *Learned) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Learned from an access log: %s. The log has what callers asked for, not
# what they should have: whoever asks often enough gets a line here. Look at each
# host before it is open, and at "wildcard-egress diff OLD NEW" after.
version: 1
rules:
`, plural(learned.Connections, "connection"))
	for _, r := range learned.Rules {
		fmt.Fprintf(&b, "  - name: %s\n", r.Name)
		if r.Caller != "" {
			fmt.Fprintf(&b, "    principals: [%s]\n", strconv.Quote(r.Caller))
		} else {
			b.WriteString("    # no principals: open to EVERY caller\n")
		}
		if len(r.Ports) > 0 {
			fmt.Fprintf(&b, "    ports: %s\n", strings.ReplaceAll(fmt.Sprint(r.Ports), " ", ", "))
		}
		b.WriteString("    hosts:\n")
		for _, h := range r.Hosts {
			fmt.Fprintf(&b, "      - %s  # %s\n", quoted(h.Host), h.comment())
		}
	}
	for i, warning := range learned.Warnings {
		if i == 0 {
			b.WriteString("# Look at:\n")
		}
		fmt.Fprintf(&b, "#   %s\n", oneLine(warning))
	}
	for i, s := range learned.Skipped {
		if i == 0 {
			b.WriteString("# Not learned:\n")
		}
		fmt.Fprintf(&b, "#   %s\n", s)
	}
	if learned.MoreSkipped > 0 {
		fmt.Fprintf(&b, "#   and %s\n", plural(learned.MoreSkipped, "more request"))
	}
	if learned.Missing > 0 {
		fmt.Fprintf(&b, "#   requests beyond the %d that can be told apart, with %s each at most\n", maxRequests, plural(learned.Missing, "connection"))
	}
	b.WriteString(document.EndMark + "\n")
	return b.String()
}

// maxExamples is how many names of a wildcard its comment has.
const maxExamples = 3

func (h LearnedHost) comment() string {
	text := fmt.Sprintf("%s, %s to %s", plural(h.Connections, "connection"), h.First.UTC().Format(time.DateTime), h.Last.UTC().Format(time.DateTime))
	if len(h.Names) == 0 {
		return text
	}
	return fmt.Sprintf("%d names, such as %s; %s", len(h.Names), strings.Join(h.Names[:min(len(h.Names), maxExamples)], " "), text)
}

// String says it on one line.
func (s Skipped) String() string {
	port := ""
	if s.Port != 0 {
		port = fmt.Sprintf(":%d", s.Port)
	}
	return fmt.Sprintf("%s%s of %s, %s: %s", strconv.Quote(s.ServerName), port, oneLine(cmp.Or(s.Caller, Unknown)), plural(s.Connections, "connection"), s.Why)
}

// quoted is a host as YAML takes it. Names such as 1e3.com or no are strings too.
func quoted(host string) string { return strconv.Quote(host) }

// oneLine keeps a text in its comment.
func oneLine(text string) string {
	quoted := strconv.QuoteToASCII(text)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
