package istio

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const kustomizationFile = "kustomization.yaml"

// Header begins every file.
const Header = "# Rendered by wildcard-egress istio. Change the policy or the flags and render again:\n" +
	"# what is changed here by hand is lost.\n"

// files puts objects into one file for each kind, in the order given.
func (r *renderer) files(objects []object) ([]File, error) {
	var files []File
	for _, o := range objects {
		name := kindOf(o) + ".yaml"
		if len(files) == 0 || files[len(files)-1].Name != name {
			files = append(files, File{Name: name, Content: []byte(Header)})
		} else {
			files[len(files)-1].Content = append(files[len(files)-1].Content, "---\n"...)
		}
		text, err := asYAML(o)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		files[len(files)-1].Content = append(files[len(files)-1].Content, text...)
	}
	kustomization, err := kustomization(files)
	return append(files, kustomization), err
}

// asYAML returns an object as YAML, below its comment.
func asYAML(o object) ([]byte, error) {
	text, err := json.Marshal(o.value)
	if err != nil {
		return nil, err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status") // the cluster's to write
	for path, value := range o.defaults {
		if err := unstructured.SetNestedField(fields, value, strings.Split(path, ".")...); err != nil {
			return nil, err
		}
	}
	text, err = yaml.Marshal(fields)
	return append(comment(o.comment), text...), err
}

func comment(text string) []byte {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		b.WriteString("# " + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.Bytes()
}

// kustomization lists the files for kubectl apply -k, which is to keep their order.
func kustomization(files []File) (File, error) {
	k := struct {
		metav1.TypeMeta `json:",inline"`
		Resources       []string          `json:"resources"`
		SortOptions     map[string]string `json:"sortOptions"`
	}{SortOptions: map[string]string{"order": "fifo"}, TypeMeta: metav1.TypeMeta{APIVersion: "kustomize.config.k8s.io/v1beta1", Kind: "Kustomization"}}
	for _, f := range files {
		k.Resources = append(k.Resources, f.Name)
	}
	text, err := yaml.Marshal(k)
	return File{Name: kustomizationFile, Content: append([]byte(Header), text...)}, err
}

// Folder returns the files' contents by their names.
func (m Manifests) Folder() map[string][]byte {
	files := map[string][]byte{}
	for _, f := range m.Files {
		files[f.Name] = f.Content
	}
	return files
}

// Stream returns all objects as one YAML stream, for kubectl apply -f.
func (m Manifests) Stream() []byte {
	var b bytes.Buffer
	for _, f := range m.Files {
		switch {
		case f.Name == kustomizationFile:
		case b.Len() == 0:
			b.Write(f.Content)
		default:
			b.WriteString("---\n")
			b.Write(bytes.TrimPrefix(f.Content, []byte(Header)))
		}
	}
	return b.Bytes()
}
