package document_test

import (
	"reflect"
	"strings"
	"testing"

	"wildcard-egress/filter/policy/document"
)

// What tools compare must not lack a setting that comes later.
func TestValuesHasEverySetting(t *testing.T) {
	fields := reflect.TypeFor[document.Defaults]().NumField() - len([]string{"Ports", "Settings"}) + reflect.TypeFor[document.Settings]().NumField()
	got := map[string]bool{}
	for _, value := range (document.Defaults{}).Values() {
		name, _, _ := strings.Cut(value.Name, ".") // limits has fields of its own
		got[name] = true
	}
	if len(got) != fields {
		t.Errorf("Values has %d settings of %d", len(got), fields)
	}
}
