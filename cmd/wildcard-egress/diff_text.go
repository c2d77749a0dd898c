package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/analysis"
)

// diffColumns are what a line of diff's text fits in.
const diffColumns = 100

// printComparison prints the settings, and then for each host and principal the
// ports with what changes for them.
func printComparison(out io.Writer, c analysis.Comparison) {
	for _, s := range c.Settings {
		wrap(out, 0, fmt.Sprintf("%s: %s -> %s", s.Setting, orNothing(s.Old), orNothing(s.New)))
	}
	for hosts := range runs(c.Changes, sameHost) {
		wrap(out, 0, hosts[0].Host)
		for callers := range runs(hosts, samePrincipal) {
			wrap(out, 2, callers[0].Principal)
			for _, line := range portLines(callers) {
				wrap(out, 4, line)
			}
		}
	}
	for _, u := range c.Undecided {
		wrap(out, 0, fmt.Sprintf("undecided: host %s, principal %s, port %s: there was no time to tell; there may be further changes",
			u.Host, orAll(u.Principal), orAll(u.Port)))
	}
	if c.MoreUndecided > 0 {
		fmt.Fprintf(out, "undecided: %d more hosts, principals and ports\n", c.MoreUndecided)
	}
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

func orAll(text string) string {
	if text == "" {
		return "all"
	}
	return text
}

func sameHost(a, b analysis.Change) bool      { return a.Host == b.Host }
func samePrincipal(a, b analysis.Change) bool { return a.Principal == b.Principal }

// runs cuts a list into runs of elements that are the same.
func runs(list []analysis.Change, same func(a, b analysis.Change) bool) func(yield func([]analysis.Change) bool) {
	return func(yield func([]analysis.Change) bool) {
		for len(list) > 0 {
			n := 1
			for n < len(list) && same(list[0], list[n]) {
				n++
			}
			if !yield(list[:n]) {
				return
			}
			list = list[n:]
		}
	}
}

// portLines returns a line for all ports for which the change is the same, with
// an example where the host does not say it.
func portLines(changes []analysis.Change) (lines []string) {
	ports := map[string][]string{}
	for _, c := range changes {
		what := fmt.Sprintf("%s -> %s", outcome(c.Old, c), outcome(c.New, c))
		if c.Example.ServerName != c.Host {
			what += ", such as " + c.Example.ServerName
		}
		if ports[what] == nil {
			lines = append(lines, what)
		}
		ports[what] = append(ports[what], c.Port)
	}
	for i, what := range lines {
		lines[i] = "port " + portRanges(ports[what]) + ": " + what
	}
	return lines
}

// outcome says a decision in few words; the port only where it is another.
func outcome(d policy.Decision, c analysis.Change) string {
	text := d.Action.String()
	moved := c.Old.Action == c.New.Action
	if moved && c.Old.Port != c.New.Port {
		text += fmt.Sprintf(" to %d", d.Port)
	}
	if moved && c.Old.CloseOnRevoke != c.New.CloseOnRevoke {
		text += map[bool]string{true: " until revoked", false: " for good"}[d.CloseOnRevoke]
	}
	if moved && c.Old.Port == c.New.Port && c.Old.CloseOnRevoke == c.New.CloseOnRevoke { // then it is the limits that differ
		text += map[bool]string{true: " with the limits of its rule", false: " without limits of its rule"}[d.Limits != nil]
	}
	switch {
	case d.Rule != "":
		return text + fmt.Sprintf(" by %q", d.Rule)
	case d.Reason != "":
		return text + fmt.Sprintf(" (%s)", d.Reason)
	}
	return text + " (defaults.mode is shadow)"
}

// portRanges joins ports, of which those in a row are a range.
func portRanges(ports []string) string {
	var parts []string
	for i := 0; i < len(ports); {
		first, err := strconv.Atoi(ports[i])
		n := 1
		for err == nil && i+n < len(ports) && ports[i+n] == strconv.Itoa(first+n) {
			n++
		}
		if n > 2 {
			parts = append(parts, ports[i]+"-"+ports[i+n-1])
		} else {
			parts = append(parts, ports[i:i+n]...)
		}
		i += n
	}
	return strings.Join(slices.Compact(parts), ", ")
}

// wrap prints text in lines of diffColumns, those after the first further in.
// What is longer than a line is cut into several.
func wrap(out io.Writer, indent int, text string) {
	line := strings.Repeat(" ", indent)
	room := diffColumns - indent
	for first := true; ; first = false {
		if !first {
			line, room = strings.Repeat(" ", indent+4), diffColumns-indent-4
		}
		if len(text) <= room {
			fmt.Fprintln(out, line+text)
			return
		}
		cut := strings.LastIndexByte(text[:room+1], ' ')
		if cut <= 0 {
			cut = room
		}
		fmt.Fprintln(out, line+strings.TrimRight(text[:cut], " "))
		text = strings.TrimLeft(text[cut:], " ")
	}
}
