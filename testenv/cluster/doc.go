// Package cluster holds what tries the rendered manifests in a real Kubernetes
// with a real Istio: `make test-cluster`. It needs root on Linux (Debian), no
// Docker, no registry and no cluster: get builds and fetches the programs, up
// runs one node in a network and mount namespace of its own, and the tests install
// Istio there, apply manifests, and make requests from pods with sidecars.
//
// To look around in that cluster, or to try something else in it:
//
//	testenv/cluster/run bash
//
// starts a shell in which kubectl and istioctl reach it, with Istio installed
// and the images imported; with the end of the shell all of it ends.
package cluster
