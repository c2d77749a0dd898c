// Package testenv puts real things around the gateway, on loopback addresses and
// free ports. It serves the end-to-end tests, the local run and the benchmarks.
//
// Most tests need this package alone: [Start] puts up an application's way out,
// whole, and [Env] has what is in it. What a test puts up by itself, or says to a
// part, is a room of its own:
//
//	certs         authorities, certificates, the mesh's identities
//	dns           a DNS server that answers as told, and records who asked
//	sites         upstream servers that record what reaches them
//	envoys        Envoy processes: to find, start and ask them
//	controlplane  an xDS server that hands out extension configurations
//	istiod        what istiod makes of the manifests for a gateway's proxy
//	client        dials as the application, or straight to the gateway
//	logs          access logs, read while they are written
//	built         what `make build` made, and the command to run
//	procs         child processes that end with this one, and what they use
//	poll          waits until something holds
//
// These rooms have the tests of the product: e2e (the gateway in Envoy), istiod
// (what the manifests say, with an istiod's stand-in), command (scripts of the
// command line), abi (our declarations against Envoy's), image (the container
// image), cluster (a real Kubernetes and Istio: make test-cluster). run, bench and sanitizers are what `make run`, `make bench` and
// `make test-sanitizers` start.
//
// All that is started ends with Close, or when this process dies. What is named
// Want... waits until it holds, and fails the test if it does not in time; nothing
// else needs package testing.
package testenv
