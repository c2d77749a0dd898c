package analysis

import (
	"slices"
	"strings"

	"wildcard-egress/filter/policy/document"
)

// SettingChange is a value that two policies have differently and that is no
// decision about a request.
type SettingChange struct {
	Setting string `json:"setting"` // such as "defaults.refuse_ech" or "rules.payments.on_revoke"
	Old     string `json:"old"`     // empty: not there
	New     string `json:"new"`     // empty: not there
}

// compareSettings compares the defaults, the modes and settings of the rules of
// one name, and what rules in shadow mode say: these decide nothing, so no
// decision tells that they changed.
func compareSettings(old, new *document.Document) (changes []SettingChange) {
	note := func(prefix string, before, after []document.Value) {
		for i := range before {
			if before[i].Text != after[i].Text {
				changes = append(changes, SettingChange{prefix + before[i].Name, before[i].Text, after[i].Text})
			}
		}
	}
	note("defaults.", old.Defaults.Values(), new.Defaults.Values())
	after := map[string]document.Rule{}
	for _, r := range new.Rules {
		after[r.Name] = r
	}
	for _, r := range old.Rules {
		path := "rules." + r.Name + "."
		changed, kept := after[r.Name]
		delete(after, r.Name)
		switch {
		case kept:
			note(path, r.Values(), changed.Values())
			if r.Mode == document.ShadowMode || changed.Mode == document.ShadowMode {
				before, after := onlyChanges(r.Scope(), changed.Scope())
				note(path, before, after)
			}
		case r.Mode == document.ShadowMode:
			changes = append(changes, SettingChange{path + "mode", r.Mode.String(), ""})
		}
	}
	for _, r := range new.Rules {
		if _, added := after[r.Name]; added && r.Mode == document.ShadowMode {
			changes = append(changes, SettingChange{"rules." + r.Name + ".mode", "", r.Mode.String()})
		}
	}
	return changes
}

// onlyChanges leaves of two lists of words what the other does not have.
func onlyChanges(old, new []document.Value) (before, after []document.Value) {
	without := func(words, others string) string {
		has := map[string]bool{}
		for word := range strings.FieldsSeq(others) {
			has[word] = true
		}
		return strings.Join(slices.DeleteFunc(strings.Fields(words), func(word string) bool { return has[word] }), " ")
	}
	for i := range old {
		before = append(before, document.Value{Name: old[i].Name, Text: without(old[i].Text, new[i].Text)})
		after = append(after, document.Value{Name: new[i].Name, Text: without(new[i].Text, old[i].Text)})
	}
	return before, after
}
