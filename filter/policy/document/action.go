package document

// Action is what a rule does. The zero value denies.
type Action uint8

// The two outcomes.
const (
	Deny Action = iota
	Allow
)

// String returns "deny" or "allow", the words of the policy file and the access
// log. Every unknown value is "deny".
func (a Action) String() string {
	if a == Allow {
		return "allow"
	}
	return "deny"
}
