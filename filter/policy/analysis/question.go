package analysis

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

// question is which requests change whose server name is one name, or has one
// host as its narrowest.
type question struct {
	*comparer
	name       string           // if not empty, the only name
	host       document.Pattern // else the narrowest host
	candidates []candidate
	kinds      []caller // of principals, once they are known
}

// candidate is a rule with one of its hosts that may match.
type candidate struct {
	*sidedRule
	host document.Pattern
	wide bool // the host matches all names that the question is about
}

func (q *question) add(rule int, host document.Pattern, wide bool) {
	q.candidates = append(q.candidates, candidate{sidedRule: &q.rules[rule], host: host, wide: wide})
}

// addDefaults adds what the policies do where no rule matches.
func (q *question) addDefaults() {
	for i := range q.rules {
		if q.rules[i].byDefault {
			q.candidates = append(q.candidates, candidate{sidedRule: &q.rules[i], wide: true})
		}
	}
}

// caller is a kind of principal: one, or all that a glob matches.
type caller struct {
	label, value string
	glob         string // if not empty, what it has to match
}

// callers returns the principals that the rules tell apart.
func (q *question) callers() []caller {
	if q.kinds == nil {
		q.kinds = q.findCallers()
	}
	return q.kinds
}

func (q *question) findCallers() (callers []caller) {
	var listed, globs []string
	for _, c := range q.candidates {
		for _, principal := range c.Principals {
			if glob.HasMeta(principal) {
				globs = append(globs, principal)
			} else {
				listed = append(listed, principal)
			}
		}
	}
	if len(listed)+len(globs) == 0 {
		return []caller{{label: anyWord}}
	}
	slices.Sort(listed)
	slices.Sort(globs)
	for _, principal := range slices.Compact(listed) {
		callers = append(callers, caller{label: principal, value: principal})
	}
	for _, principal := range slices.Compact(globs) {
		callers = append(callers, caller{label: principal, glob: principal})
	}
	if unlisted := q.unlisted(slices.Concat(listed, globs)); unlisted != "" {
		callers = append(callers, caller{label: otherWord, value: unlisted})
	}
	return append(callers, caller{label: unknownWord})
}

// unlisted returns a principal that none of the entries matches, or nothing if
// there is none.
func (q *question) unlisted(entries []string) string {
	s := search{scope: scope{principals: true}, deadline: q.deadline}
	s.must = []term{s.term(nil, []string{document.PrincipalScheme + everything})}
	for {
		example, v := s.run()
		if v == undecided {
			q.undecided(Undecided{Host: q.label(q.about()), Principal: otherWord})
		}
		if v != found {
			return ""
		}
		matching := slices.DeleteFunc(slices.Clone(entries), func(entry string) bool { return !q.matches(entry, example.principal) })
		if len(matching) == 0 {
			return example.principal
		}
		for _, entry := range matching {
			s.not = append(s.not, s.term(nil, q.plain(entry)))
		}
	}
}

// portClass is a set of ports that the rules don't tell apart.
type portClass []port

type port struct {
	label string
	value uint16
}

// ports returns the rules' ports, one that none of them lists, and none.
func (q *question) ports() (classes []portClass) {
	with := map[uint16]*strings.Builder{}
	for i, c := range q.candidates {
		for _, p := range c.Ports {
			if c.byDefault { // which is about all
				break
			}
			if with[p] == nil {
				with[p] = &strings.Builder{}
			}
			with[p].WriteString(strconv.Itoa(i) + ",")
		}
	}
	place := map[string]int{}
	for _, p := range slices.Sorted(maps.Keys(with)) {
		rules := with[p].String()
		i, ok := place[rules]
		if !ok {
			i = len(classes)
			place[rules] = i
			classes = append(classes, nil)
		}
		classes[i] = append(classes[i], port{strconv.Itoa(int(p)), p})
	}
	free := uint16(1)
	for with[free] != nil {
		free++
	}
	return append(classes, portClass{{otherWord, free}}, portClass{{unknownWord, 0}})
}

// cells returns the kinds of requests that change.
func (q *question) cells() (cells []cell) {
	ports, changed := q.ports(), q.changedCandidates()
	for _, caller := range q.callers() {
		if time.Now().After(q.deadline) {
			q.undecided(Undecided{Host: q.label(q.about())})
			return cells
		}
		for _, class := range ports {
			d := &detail{question: q, caller: caller, port: class[0].value, scope: scope{names: q.name == "", principals: caller.glob != ""}}
			if !q.all && len(d.among(changed)) == 0 {
				continue // what did not change decides as before
			}
			d.options = d.among(q.candidates)
			examples, complete := d.changes()
			if !complete {
				q.undecided(Undecided{Host: q.label(q.about()), Principal: caller.label, Port: class[0].label})
			}
			for _, example := range examples {
				for _, p := range class {
					example.Port = p.value
					cells = append(cells, cell{principal: caller.label, port: p.label, example: example})
				}
			}
		}
	}
	return cells
}

// changedCandidates returns those that only one side has.
func (q *question) changedCandidates() (changed []candidate) {
	key := func(c candidate) string { return c.host.String() + " " + c.print }
	sides := map[string]int{}
	for _, c := range q.candidates {
		sides[key(c)] |= 1 << c.side
	}
	for _, c := range q.candidates {
		if sides[key(c)] != 1<<0|1<<1 {
			changed = append(changed, c)
		}
	}
	return changed
}

// among returns the candidates that have to do with the detail.
func (d *detail) among(candidates []candidate) (options []option) {
	for _, c := range candidates {
		if o, ok := d.option(c, d.caller, d.port); ok {
			options = append(options, o)
		}
	}
	return options
}

func (q *question) about() []document.Pattern {
	if q.name != "" {
		return q.index.matching(q.name)
	}
	return []document.Pattern{q.host}
}
