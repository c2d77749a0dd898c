package main

import (
	"maps"
	"slices"
	"testing"

	"wildcard-egress/testenv/procs"

	"github.com/google/go-cmp/cmp"
)

func TestEnvoyWorkersAreTheFirstOfTheirName(t *testing.T) {
	threads := []procs.ThreadUsage{
		{ID: 7, Name: "envoy"}, {ID: 12, Name: "wrk:worker_1"}, {ID: 31, Name: "wrk:worker_0"}, // of Go, started by a worker
		{ID: 11, Name: "wrk:worker_0"}, {ID: 8, Name: "dns_cache"}, {ID: 30, Name: "wrk:worker_1"},
	}
	got := slices.Sorted(maps.Keys(envoyWorkers(threads)))
	if diff := cmp.Diff([]int{11, 12}, got); diff != "" {
		t.Errorf("workers (-want +got):\n%s", diff)
	}
}
