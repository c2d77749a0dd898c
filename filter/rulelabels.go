package filter

import "sync"

// MaxRuleLabels is how many rules have a name of their own in the metrics, over
// the life of the process: some 35 lines of Prometheus each.
const MaxRuleLabels = 500

// RuleLabels are the rules that have a name of their own in the metrics: the
// first that decided something. It is for the whole process, and safe for use by
// all workers. Only connections whose decision is not recalled ask it.
type RuleLabels struct {
	mu    sync.RWMutex
	rules map[string]struct{}
}

// has says whether a rule is among them, and takes it in while there is room.
func (l *RuleLabels) has(rule string) bool {
	l.mu.RLock()
	_, ok := l.rules[rule]
	l.mu.RUnlock()
	if ok {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.rules[rule]; !ok && len(l.rules) >= MaxRuleLabels {
		return false
	}
	if l.rules == nil {
		l.rules = map[string]struct{}{}
	}
	l.rules[rule] = struct{}{}
	return true
}
