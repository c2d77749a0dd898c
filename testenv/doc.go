// Package testenv puts real things around the gateway: Envoy processes,
// certificates, a DNS server, upstream sites. It serves the end-to-end tests,
// the local run and the benchmarks, so nothing here but testing.go knows of
// package testing. Everything listens on loopback addresses and free ports,
// and is gone after Close or when this process dies.
package testenv
