package livepolicy_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"wildcard-egress/filter/policy"
	"wildcard-egress/livepolicy"
)

// inTime is the patience for a change of a file: a loaded machine is no failure.
const inTime = time.Minute

const broken = "version: 1\nrules:\n- name: a\n  hosts: ['*.']\n...\n"

// rules returns a policy with n rules and the end mark.
func rules(n int) string {
	text := "version: 1\nrules:\n"
	for i := range n {
		text += fmt.Sprintf("- {name: r%d, hosts: [h%d.example.com]}\n", i, i)
	}
	return text + "...\n"
}

// news collects what a registry tells.
type news struct {
	mu      sync.Mutex
	changes []livepolicy.Change
}

func (n *news) registry(t *testing.T) *livepolicy.Registry {
	t.Helper()
	return &livepolicy.Registry{
		OnChange: func(c livepolicy.Change) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.changes = append(n.changes, c)
		},
		OnPanic: func(recovered any) { t.Errorf("panic: %v", recovered) },
	}
}

// told is the news in short, one word each: "3" for a change to three rules,
// "same" for a change to what is in force, "refused".
func (n *news) told() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var words []string
	for _, c := range n.changes {
		switch {
		case c.Refused != nil:
			words = append(words, "refused")
		case c.Changed:
			words = append(words, fmt.Sprint(c.Status.Rules))
		default:
			words = append(words, "same")
		}
	}
	return strings.Join(words, " ")
}

// soon waits until holds returns true, and fails the test if it does not in time.
func soon(t *testing.T, what string, holds func() bool) {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Since(begin) > inTime {
			t.Fatalf("not within %v: %s", inTime, what)
		}
		<-tick.C
	}
}

func allows(p *policy.Policy, serverName string) bool {
	return p.Decide(policy.Request{ServerName: serverName}).Action == policy.Allow
}

// settled is an inline configuration that Envoy has accepted.
func settled(r *livepolicy.Registry, filterName, data string) *livepolicy.Use {
	u := r.Inline(filterName, []byte(data), livepolicy.EndMarkInPlace)
	r.Settle(u)
	return u
}

func TestInlineConfigurationsEnforceTheirOwnPolicy(t *testing.T) {
	var n news
	r := n.registry(t)
	one, two := settled(r, "egress", rules(1)), settled(r, "egress", rules(2))
	if one.Lineage != two.Lineage {
		t.Fatal("two configurations with one filter_name have two lineages")
	}
	if allows(one.Policy(), "h1.example.com") || !allows(two.Policy(), "h1.example.com") {
		t.Error("a configuration does not enforce its own policy")
	}
	if newest, ok := r.Newest(one.ID); !ok || newest != two.Policy() {
		t.Error("connections of the older configuration need not satisfy the newer one's policy")
	}
	if other := settled(r, "other", rules(3)); other.Lineage == one.Lineage {
		t.Error("another filter_name has the same lineage")
	}
	if got := n.told(); got != "1 2 3" {
		t.Errorf("told %q", got)
	}
}

func TestBrokenInlinePolicyKeepsTheLastGoodOne(t *testing.T) {
	for name, breakIt := range map[string]func(*livepolicy.Registry) *livepolicy.Use{
		"a mistake in the policy": func(r *livepolicy.Registry) *livepolicy.Use { return settled(r, "egress", broken) },
		"no policy at all": func(r *livepolicy.Registry) *livepolicy.Use {
			u := r.Unreadable("egress", fmt.Errorf("filter_config: no policy"))
			r.Settle(u)
			return u
		},
	} {
		t.Run(name, func(t *testing.T) {
			var n news
			r := n.registry(t)
			if u := breakIt(r); u.Policy() != nil || u.Lineage.Status().Problem == nil {
				t.Error("at start: want no policy, and why")
			}
			good := settled(r, "egress", rules(2))
			kept := breakIt(r)
			if kept.Policy() != good.Policy() {
				t.Error("the last good policy is not enforced")
			}
			r.Release(good)
			if !allows(kept.Policy(), "h1.example.com") || !allows(kept.Lineage.Newest(), "h1.example.com") {
				t.Error("the last good policy ended with the configuration that brought it")
			}
			if s := kept.Lineage.Status(); s.Rules != 2 || s.Problem == nil || s.Version == 0 {
				t.Errorf("status %+v, want the last good policy's and the problem", s)
			}
			if u := settled(r, "egress", rules(3)); u.Lineage.Status().Problem != nil || u.Lineage.Status().Rules != 3 {
				t.Errorf("status %+v after the repair", u.Lineage.Status())
			}
			if got := n.told(); got != "refused same 2 refused same 3" {
				t.Errorf("told %q", got)
			}
		})
	}
}

// Envoy makes the filters of a listener update before it knows whether it can
// have the listener.
func TestPolicyOfARefusedListenerUpdateConcernsNobody(t *testing.T) {
	var n news
	r := n.registry(t)
	old := settled(r, "egress", rules(1))
	refused := r.Inline("egress", []byte(rules(2)), livepolicy.EndMarkInPlace)
	for _, u := range []*livepolicy.Use{old, refused} {
		if newest, ok := r.Newest(u.ID); !ok || newest != u.Policy() || u.Newest() != newest {
			t.Errorf("configuration %d must satisfy another one's policy before it is known whether that stays", u.ID)
		}
	}
	r.Release(refused)
	if s := old.Lineage.Status(); s.Rules != 1 || old.Newest() != old.Policy() {
		t.Errorf("status %+v, want that of the old policy", s)
	}
	if got := n.told(); got != "1" {
		t.Errorf("told %q", got)
	}
}

// One update of Envoy's configuration may bring both, and settles neither
// before it has made the other.
func TestBrokenInlinePolicyKeepsTheOneThatCameWithIt(t *testing.T) {
	var n news
	r := n.registry(t)
	old := settled(r, "egress", rules(1))
	good, bad := r.Inline("egress", []byte(rules(2)), livepolicy.EndMarkInPlace), r.Inline("egress", []byte(broken), 0)
	r.Settle(good)
	r.Settle(bad)
	r.Release(old)
	if bad.Policy() != good.Policy() || good.Newest() != good.Policy() {
		t.Error("a broken policy brought an older one back")
	}
	if s := bad.Lineage.Status(); s.Rules != 2 || s.Problem == nil {
		t.Errorf("status %+v, want the good policy's and the problem", s)
	}
	r.Release(good)
	if bad.Newest() != bad.Policy() {
		t.Error("the good policy ended with the configuration that brought it")
	}
}

// Envoy gives up a listener that is warming when the next update comes.
func TestPolicyOfAListenerGivenUpIsTakenBack(t *testing.T) {
	var n news
	r := n.registry(t)
	first := settled(r, "egress", rules(1))
	middle := settled(r, "egress", rules(2))
	again := settled(r, "egress", rules(1))
	r.Release(first) // drained: nothing changes
	if again.Newest() != again.Policy() {
		t.Error("the end of the oldest configuration changed the policy")
	}
	r.Release(again) // given up
	if middle.Newest() != middle.Policy() {
		t.Error("a policy of a listener that Envoy gave up is still the newest")
	}
	r.Release(middle)
	if u := r.Inline("egress", []byte(broken), livepolicy.EndMarkInPlace); u.Policy() == nil || u.Lineage.Status().Rules != 2 {
		t.Error("the last good policy did not outlive a moment without configurations")
	}
	if got := n.told(); got != "1 2 1 2 refused" {
		t.Errorf("told %q", got)
	}
}

// A configuration may end on the thread that is in OnChange: Envoy runs its end
// where the last reference goes.
func TestConfigurationsMayEndWithinOnChange(t *testing.T) {
	var r livepolicy.Registry
	var ending []*livepolicy.Use
	told := 0
	r.OnChange = func(livepolicy.Change) {
		told++
		for _, u := range ending {
			r.Release(u)
		}
		ending = nil
	}
	one, two := settled(&r, "egress", rules(1)), settled(&r, "egress", rules(2))
	ending = []*livepolicy.Use{two, r.File(t.TempDir()+"/missing.yaml", 0)}
	settled(&r, "other", rules(3))
	if one.Newest() != one.Policy() {
		t.Error("the end within OnChange was lost")
	}
	if told != 5 {
		t.Errorf("told %d changes, want 5", told)
	}
}

func TestPanicInOnChangeIsReportedAndStopsNothing(t *testing.T) {
	panics, calls := 0, 0
	r := livepolicy.Registry{
		OnChange: func(livepolicy.Change) { calls++; panic("a bug") },
		OnPanic:  func(any) { panics++ },
	}
	settled(&r, "egress", rules(1))
	if u := settled(&r, "egress", rules(2)); u.Policy() == nil || panics != 2 || calls != 2 {
		t.Errorf("policy %v, %d panics reported of %d; want a policy and 2", u.Policy(), panics, calls)
	}
}
