package istio

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Gone returns the kubectl commands that delete what an older rendering has and
// m has not: apply leaves it, and it would go on to have its effect. What locks
// applications in goes first, as it comes last. An older file that can not be
// read is an error.
func (m Manifests) Gone(older map[string][]byte) ([]string, error) {
	now := map[string]bool{}
	for _, f := range m.Files {
		if err := eachObject(f.Content, func(command string) { now[command] = true }); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	var gone []string
	for _, name := range slices.Sorted(maps.Keys(older)) {
		if name == kustomizationFile {
			continue
		}
		err := eachObject(older[name], func(command string) {
			if !now[command] {
				gone = append(gone, command)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	slices.SortStableFunc(gone, func(a, b string) int { return lockRank(a) - lockRank(b) })
	return gone, nil
}

// lockRank puts first what keeps applications in, and last what all else is in.
func lockRank(command string) int {
	switch {
	case strings.Contains(command, " networkpolicy"), strings.Contains(command, " sidecar."):
		return 0
	case strings.Contains(command, " namespace "):
		return 2
	}
	return 1
}

func eachObject(text []byte, found func(deletion string)) error {
	for _, part := range bytes.Split(text, []byte("\n---\n")) {
		var head struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        metav1.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal(part, &head); err != nil {
			return err
		}
		kind := strings.ToLower(head.Kind)
		if group, _, ok := strings.Cut(head.APIVersion, "/"); ok {
			kind += "." + group
		}
		command := "kubectl delete " + kind + " " + head.Metadata.Name
		if head.Metadata.Namespace != "" {
			command += " -n " + head.Metadata.Namespace
		}
		found(command)
	}
	return nil
}
