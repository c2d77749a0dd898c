package main

import (
	"fmt"
	"runtime/debug"
)

// abiVersion is what the module tells Envoy: envoy/hooks.c.
const abiVersion = "v0.1.0"

// version says from which commit the command was built, and for which Envoys.
func version() string {
	commit, changed := "of an unknown commit", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			switch {
			case setting.Key == "vcs.revision":
				commit = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				changed = " with changes"
			}
		}
	}
	return fmt.Sprintf("%s%s, Envoy dynamic module ABI %s, for Envoy 1.39 and 1.40", commit, changed, abiVersion)
}
