package istiod_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"wildcard-egress/testenv/built"
)

// What `kustomize build` makes of the folder is every object of the stream.
func TestKustomizeBuildsEveryObject(t *testing.T) {
	for name, flags := range map[string][]string{
		"the default":                   nil,
		"a policy by ECDS":              {"--policy-by", "ecds"},
		"the Gateway API":               {"--api", "gateway"},
		"the module from a mount":       {"--delivery", "mount"},
		"the listener in the bootstrap": {"--no-envoyfilter"},
		"other names":                   {"--name", "out", "--namespace", "egress", "--app-namespace", "payments", "--app-namespace", "shop"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			policy := filepath.Join(dir, "policy.yaml")
			if err := os.WriteFile(policy, []byte(meshPolicy), 0o600); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"istio", "--policy", policy}, flags...)
			stream, err := built.Run(t.Context(), args...)
			if err != nil {
				t.Fatal(err)
			}
			folder := filepath.Join(dir, "manifests")
			if _, err := built.Run(t.Context(), append(args, "--to", folder)...); err != nil {
				t.Fatal(err)
			}
			objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := objects.Size(), bytes.Count(stream, []byte("\n---\n"))+1; got != want {
				t.Errorf("kustomize built %d objects, want %d", got, want)
			}
		})
	}
}
