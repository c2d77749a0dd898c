// Package istio renders everything that an Istio mesh needs for the egress
// gateway, as Kubernetes objects, from one policy. It builds typed objects of
// istio.io/api and k8s.io/api out of the pieces of package bootstrap, reads no
// file and asks no cluster. The same input gives the same bytes.
package istio

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"

	"wildcard-egress/bootstrap"
	"wildcard-egress/filter/policy/document"
)

// Policy is what is rendered: a policy file and its content.
type Policy struct {
	Document *document.Document
	Text     []byte // the file; the gateway gets it with the end mark
}

// Manifests is a rendered set.
type Manifests struct {
	// Files are in the order in which they can be applied: one for each kind,
	// and kustomization.yaml last.
	Files []File
	// Notes tell what Istio can not say as the policy has it, what the options
	// leave open and what is near a limit, a sentence each.
	Notes []string
}

// File is one file of a rendered set.
type File struct {
	Name    string // without a folder
	Content []byte
}

// object is a Kubernetes object and what it is for.
type object struct {
	comment string
	value   runtime.Object
	// defaults are fields, by their dotted path, that the typed object leaves
	// out since they have the zero value, and that a reader should see.
	defaults map[string]string
}

// Render returns the manifests for p. The error has all mistakes of o, or says
// what of p no mesh can carry.
func Render(p Policy, o Options) (Manifests, error) {
	if err := o.Validate(); err != nil {
		return Manifests{}, err
	}
	if err := bootstrap.CheckNames(p.Document, o.Network.DNSNames); err != nil {
		return Manifests{}, err
	}
	p.Text = document.WithEndMark(p.Text)
	r := &renderer{Options: o, policy: p, config: bootstrap.Config{Listen: o.listen(), Network: &o.Network,
		MaxClientHelloBytes: p.Document.Defaults.MaxClientHelloBytes, ListenersChange: o.DataPlane == SidecarPlane}}
	var err error
	if r.traffic, err = trafficOf(p.Document, o.Cover); err != nil {
		return Manifests{}, err
	}
	objects, err := r.objects()
	if err != nil {
		return Manifests{}, err
	}
	sizes, err := checkSizes(objects)
	if err != nil {
		return Manifests{}, err
	}
	files, err := r.files(objects)
	return Manifests{Files: files, Notes: slices.Concat(r.traffic.notes, r.openNotes(), sizes)}, err
}

// openNotes tell what the options leave open, and what they leave closed.
func (r *renderer) openNotes() (notes []string) {
	for _, part := range r.Without {
		notes = append(notes, fmt.Sprintf("without %s: %s", part, leavable[part]))
	}
	for _, d := range r.AllowEgress {
		if d.open() && !r.leaves("networkpolicy") {
			notes = append(notes, fmt.Sprintf("--allow-egress %s is a way round the gateway", d))
		}
	}
	if r.Network.OTLP != "" && len(r.GatewayAllowEgress) == 0 && !r.leaves("networkpolicy") {
		notes = append(notes, fmt.Sprintf("--access-log-otlp %s: the gateway's NetworkPolicy does not let it reach the collector; "+
			"open the way with --gateway-allow-egress", r.Network.OTLP))
	}
	return notes
}

type renderer struct {
	Options
	policy  Policy
	config  bootstrap.Config
	traffic traffic
}

// objects returns all objects in the order of their files.
func (r *renderer) objects() ([]object, error) {
	if r.DataPlane == AmbientPlane {
		return r.ambientObjects()
	}
	policyObjects, err := r.policyObjects()
	if err != nil {
		return nil, err
	}
	listener, err := r.listenerObjects()
	if err != nil {
		return nil, err
	}
	deployment, err := r.deployment()
	if err != nil {
		return nil, err
	}
	// What locks the applications in comes last: kubectl applies in this order,
	// and nobody is to be cut off while the way through the gateway is not there.
	objects := []object{r.namespace(), r.serviceAccount(), r.role(), r.roleBinding()}
	objects = append(objects, policyObjects...)
	objects = append(objects, r.service(), deployment, r.autoscaler(), r.disruptionBudget())
	objects = append(objects, listener...)
	objects = append(objects, r.telemetry())
	objects = append(objects, r.routeObjects()...)
	objects = append(objects, r.sidecars()...)
	objects = append(objects, r.podMonitor()...)
	objects = append(objects, r.networkPolicies()...)
	return slices.DeleteFunc(objects, func(o object) bool { return r.leaves(partOf(o)) }), nil
}
