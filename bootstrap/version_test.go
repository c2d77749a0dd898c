package bootstrap_test

import (
	"testing"

	"wildcard-egress/bootstrap"
)

func TestCheckEnvoyVersion(t *testing.T) {
	for version, ok := range map[string]bool{
		"1.39": true, "1.40": true, "1.39.3": true, "v1.40.0": true,
		"1.38": false, "1.38.3": false, "1.9": false, "1.41": false, "2.0": false,
		"": false, "1": false, "1.": false, "1.40-dev": false, "latest": false, "1.99999999999999999999": false,
	} {
		if err := bootstrap.CheckEnvoyVersion(version); (err == nil) != ok {
			t.Errorf("CheckEnvoyVersion(%q) = %v, want accepted: %v", version, err, ok)
		}
	}
}

func TestTheDefaultEnvoyVersionIsAGoodOne(t *testing.T) {
	if err := bootstrap.CheckEnvoyVersion(bootstrap.DefaultEnvoyVersion); err != nil {
		t.Error(err)
	}
}
