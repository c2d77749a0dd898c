package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// What Go's runtime may use inside Envoy, unless its environment variables say
// otherwise.
const (
	maxProcs    = 4         // decisions are short: more threads only wake each other
	memoryLimit = 512 << 20 // bytes, soft: the collector works harder above it
)

func limitRuntime() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(min(maxProcs, runtime.GOMAXPROCS(0)))
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
}
