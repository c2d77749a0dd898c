package envoys_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wildcard-egress/testenv/envoys"
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
		"nothing chosen is the default":       {want: "build/envoy-" + envoys.DefaultVersion + "/envoy"},
		"a version chooses":                   {version: "1.39.3", want: "build/envoy-1.39.3/envoy"},
		"a path chooses":                      {envoy: other, want: other},
		"a path goes before a version":        {envoy: other, version: "1.39.3", want: other},
		"a missing version says how to fetch": {version: "9.9.9", wantError: "make envoy ENVOY_VERSION=9.9.9"},
		"a missing path names the variable":   {envoy: "/no/such/envoy", wantError: "ENVOY: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ENVOY", tt.envoy)
			t.Setenv("ENVOY_VERSION", tt.version)
			got, err := envoys.Find()
			switch {
			case tt.wantError == "" && (err != nil || !strings.HasSuffix(got, tt.want)):
				t.Errorf("Find = %q, %v; want %s", got, err, tt.want)
			case tt.wantError != "" && (err == nil || !strings.Contains(err.Error(), tt.wantError)):
				t.Errorf("Find = %q, %v; want an error with %q", got, err, tt.wantError)
			}
		})
	}
}

func TestEnvoyVersion(t *testing.T) {
	for _, want := range []string{"1.38.3", "1.39.3", "1.40.0"} {
		binary, err := envoys.Fetched(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := envoys.Version(t.Context(), binary); err != nil || got != want {
			t.Errorf("Version = %q, %v; want %s", got, err, want)
		}
	}
}
