package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
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

// lookAround notes versions, and takes out of the plan what is not installed.
func (r *run) lookAround(ctx context.Context) {
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
	r.commit = commit(ctx)
	for _, note := range r.notes {
		r.say("%s", note)
	}
}

// machine describes where and with what the run took place.
func (r *run) machine() []string {
	lines := []string{
		r.start.UTC().Format("2006-01-02 15:04 UTC") + fmt.Sprintf(", %s run, %.0f minutes", r.plan.name, time.Since(r.start).Minutes()),
		fmt.Sprintf("%s, %d cores, %s; Linux %s", proc("/proc/cpuinfo", "model name"), runtime.NumCPU(),
			memory(), kernel()),
		fmt.Sprintf("Envoy %s, %s, wildcard-egress at commit %s", r.world.envoyVersion, runtime.Version(), r.commit),
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

// commit returns the one that is checked out, and whether files differ from it.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty=, changed", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// memory returns how much the machine has.
func memory() string {
	var kilobytes float64
	if _, err := fmt.Sscan(proc("/proc/meminfo", "MemTotal"), &kilobytes); err != nil {
		return "unknown memory"
	}
	return fmt.Sprintf("%.0f GB", kilobytes*1024/1e9)
}
