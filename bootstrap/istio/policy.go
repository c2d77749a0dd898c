package istio

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode/utf8"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"wildcard-egress/bootstrap"
)

// Where the gateway's pods see the policy. The directory is mounted, not the
// file: a subPath never changes.
const (
	policyDir  = "/etc/wildcard-egress"
	policyFile = "policy.yaml"
)

// policyObjects returns what holds the policy and, with NoEnvoyFilter, the
// listener. With ECDS the policy is among the EnvoyFilters.
func (r *renderer) policyObjects() ([]object, error) {
	if !utf8.Valid(r.policy.Text) {
		return nil, fmt.Errorf("the policy is not UTF-8 text; an object of Kubernetes can not hold it")
	}
	if r.PolicyBy == ByECDS {
		return nil, nil
	}
	about := r.aboutPolicy() + "\nThe gateway sees a change within 90 seconds and keeps its connections."
	objects := []object{r.configMap(about, r.policyName(), policyFile, string(r.policy.Text))}
	if len(r.policy.Text) > maxConfigMap {
		packed, err := pack(r.policy.Text)
		if err != nil {
			return nil, err
		}
		config := objects[0].value.(*corev1.ConfigMap)
		config.Data, config.BinaryData = nil, map[string][]byte{policyFile: packed}
		objects[0].comment += "\nIt is packed by gzip, since a ConfigMap holds 1 MiB."
	}
	if r.NoEnvoyFilter {
		override, err := r.bootstrapOverride()
		if err != nil {
			return nil, err
		}
		about := "The gateway's listener, which Istio merges into the bootstrap. A change needs new pods."
		objects = append(objects, r.configMap(about, r.bootstrapName(), "custom_bootstrap.json", string(override)))
	}
	return objects, nil
}

// pack returns what the module unpacks; the same bytes for the same text.
func pack(text []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = w.Close()
	return b.Bytes(), err
}

func (r *renderer) configMap(about, name, file, text string) object {
	return object{comment: about, value: &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: r.meta(name),
		Data:       map[string]string{file: text},
	}}
}

// aboutPolicy is the only comment that changes with the policy: with its hash,
// and with what Istio can not say.
func (r *renderer) aboutPolicy() string {
	about := fmt.Sprintf("The policy, sha256 %x.", sha256.Sum256(r.policy.Text))
	for _, note := range r.traffic.notes {
		about += "\nNote: " + strings.ReplaceAll(note, "\n", " ")
	}
	return about
}

// policyPatch puts the policy in force by ECDS, beside the filter that waits
// for it.
func (r *renderer) policyPatch() (object, error) {
	extension, err := bootstrap.PolicyExtension(r.policy.Text)
	if err != nil {
		return object{}, err
	}
	value, err := patchValue(extension)
	if err != nil {
		return object{}, err
	}
	about := r.aboutPolicy() + "\nThe gateway sees a change at once and keeps its connections. Above 256 KiB: kubectl apply --server-side."
	return r.envoyFilter(about, r.policyName(), &networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectPatch{
		ApplyTo: networkingv1alpha3.EnvoyFilter_EXTENSION_CONFIG,
		Match:   &networkingv1alpha3.EnvoyFilter_EnvoyConfigObjectMatch{Context: networkingv1alpha3.EnvoyFilter_GATEWAY},
		Patch:   &networkingv1alpha3.EnvoyFilter_Patch{Operation: networkingv1alpha3.EnvoyFilter_Patch_ADD, Value: value},
	}), nil
}
