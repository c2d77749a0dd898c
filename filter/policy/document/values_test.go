package document_test

import (
	"reflect"
	"testing"

	"wildcard-egress/filter/policy/document"
)

// What tools compare must not lack a setting that comes later.
func TestValuesHasEverySetting(t *testing.T) {
	fields := reflect.TypeFor[document.Defaults]().NumField() - len([]string{"Ports", "Settings"}) + reflect.TypeFor[document.Settings]().NumField()
	if got := len(document.Defaults{}.Values()); got != fields {
		t.Errorf("Values has %d settings of %d", got, fields)
	}
}
