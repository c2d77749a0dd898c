package testenv_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/testenv"
)

func TestFindEnvoy(t *testing.T) {
	other := filepath.Join(t.TempDir(), "envoy")
	if err := os.WriteFile(other, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		envoy, version string
		want           string // the path's end
		wantError      string
	}{
		"nothing chosen is the default":       {want: "build/envoy-" + testenv.DefaultEnvoyVersion + "/envoy"},
		"a version chooses":                   {version: "1.39.3", want: "build/envoy-1.39.3/envoy"},
		"a path chooses":                      {envoy: other, want: other},
		"a path goes before a version":        {envoy: other, version: "1.39.3", want: other},
		"a missing version says how to fetch": {version: "9.9.9", wantError: "make envoy ENVOY_VERSION=9.9.9"},
		"a missing path names the variable":   {envoy: "/no/such/envoy", wantError: "ENVOY: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ENVOY", tt.envoy)
			t.Setenv("ENVOY_VERSION", tt.version)
			got, err := testenv.FindEnvoy()
			switch {
			case tt.wantError == "" && (err != nil || !strings.HasSuffix(got, tt.want)):
				t.Errorf("FindEnvoy = %q, %v; want %s", got, err, tt.want)
			case tt.wantError != "" && (err == nil || !strings.Contains(err.Error(), tt.wantError)):
				t.Errorf("FindEnvoy = %q, %v; want an error with %q", got, err, tt.wantError)
			}
		})
	}
}

func TestEnvoyVersion(t *testing.T) {
	for _, want := range []string{"1.38.3", "1.39.3", "1.40.0"} {
		binary, err := testenv.FetchedEnvoy(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := testenv.EnvoyVersion(t.Context(), binary); err != nil || got != want {
			t.Errorf("EnvoyVersion = %q, %v; want %s", got, err, want)
		}
	}
}
