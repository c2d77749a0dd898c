package istio

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What Kubernetes takes.
const (
	maxConfigMap = 1 << 20   // bytes of data
	maxObject    = 3 << 19   // 1.5 MiB, of etcd; a request's, as JSON
	maxApplied   = 256 << 10 // of all annotations: kubectl apply keeps the object in one
	near         = 0.9       // of a limit: worth a note
	serverSide   = "kubectl apply --server-side"
)

// checkSizes returns what to say of objects near a limit, and an error for one
// over it: nothing is written then.
func checkSizes(objects []object) (notes []string, err error) {
	large := 0
	for _, o := range objects {
		text, err := json.Marshal(o.value)
		if err != nil {
			return nil, err
		}
		size, limit, data, name := len(text), maxObject, "bytes", o.value.(metav1.Object).GetName()
		if c, ok := o.value.(*corev1.ConfigMap); ok {
			size, limit, data = 0, maxConfigMap, "bytes of data"
			for _, value := range c.Data {
				size += len(value)
			}
			for _, value := range c.BinaryData {
				size += len(value)
			}
		}
		switch {
		case size > limit:
			return nil, fmt.Errorf("%s %s would have %d %s; Kubernetes takes %d: see docs/istio.md, \"Many hosts\"",
				kindOf(o), name, size, data, limit)
		case float64(size) > near*float64(limit):
			notes = append(notes, fmt.Sprintf("%s %s has %d %s; Kubernetes takes %d", kindOf(o), name, size, data, limit))
		}
		if len(text) > maxApplied {
			large++
		}
	}
	if large > 0 {
		notes = append(notes, fmt.Sprintf("%d of the objects are larger than the %d bytes that kubectl apply can keep in an annotation: use %s",
			large, maxApplied, serverSide))
	}
	return notes, nil
}
