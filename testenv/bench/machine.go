package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// serverVersion returns what a server says of itself, in one line.
func serverVersion(ctx context.Context, name string) (string, error) {
	path, err := serverPath(name)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, path, "-v").CombinedOutput() // nginx says it on standard error
	if err != nil {
		return "", fmt.Errorf("%s -v: %w", path, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line, nil
}

// dropMissing takes out of the plan what is not installed, and says so.
func (r *run) dropMissing(ctx context.Context) {
	r.plan.proxies = slices.DeleteFunc(slices.Clone(r.plan.proxies), func(kind string) bool {
		if kind != haproxy && kind != nginx {
			return false
		}
		version, err := serverVersion(ctx, kind)
		if err != nil {
			r.notes = append(r.notes, "Left out: "+err.Error())
			return true
		}
		r.notes = append(r.notes, version)
		return false
	})
	for _, note := range r.notes {
		r.say("%s", note)
	}
}

// machine describes where and with what the run took place.
func (r *run) machine() []string {
	lines := []string{
		r.start.UTC().Format("2006-01-02 15:04 UTC") + fmt.Sprintf(", %s run, %.0f minutes", r.plan.name, time.Since(r.start).Minutes()),
		fmt.Sprintf("%s, %d cores, %s; Linux %s", proc("/proc/cpuinfo", "model name"), runtime.NumCPU(),
			proc("/proc/meminfo", "MemTotal"), kernel()),
		fmt.Sprintf("Envoy %s, %s, wildcard-egress at commit %s", r.world.envoyVersion, runtime.Version(), commit()),
	}
	return append(lines, r.notes...)
}

// proc returns the first value of a key in a file of "key : value" lines.
func proc(path, key string) string {
	file, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if k, v, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(release))
}

// commit returns the one that this program was built from.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " and changes"
		}
	}
	return revision + changed
}
