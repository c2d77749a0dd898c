package istio

import (
	"reflect"
	"slices"
	"strings"
)

// Part is a kind of object that can be left out, by its name in lower case.
type Part string

// leavable has the parts, and what is open or missing without each.
var leavable = map[Part]string{
	"namespace":               "the gateway's namespace must be there",
	"role":                    "nobody is given the right to change the policy alone",
	"horizontalpodautoscaler": "the Deployment stays at --replicas",
	"poddisruptionbudget":     "a drain of nodes may take all pods of the gateway at once",
	"telemetry":               "the mesh's own access log has a line for each connection, beside the gateway's",
	"sidecar": "sidecars let through what no ServiceEntry lists, unless meshConfig.outboundTrafficPolicy.mode or a " +
		"Sidecar of yours is REGISTRY_ONLY",
	"networkpolicy": "pods can go round the gateway, and anyone in the cluster can ask it",
}

// parts has a part for each kind that has another name than it.
var parts = map[string]Part{"rolebinding": "role"}

func kindOf(o object) string { return strings.ToLower(reflect.TypeOf(o.value).Elem().Name()) }

func partOf(o object) Part {
	kind := kindOf(o)
	if part, ok := parts[kind]; ok {
		return part
	}
	return Part(kind)
}

func (r *renderer) leaves(p Part) bool { return slices.Contains(r.Without, p) }

func partNames() string {
	var names []string
	for p := range leavable {
		names = append(names, string(p))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
