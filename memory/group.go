// Package memory knows how much memory the process's control group may have and
// has, and what a gateway does that comes near to it.
package memory

import (
	"bytes"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Group is the process's control group with those above it, of version 1 or 2.
type Group struct {
	root  fs.FS // of the file system
	files files
	dirs  []string // the group's own, then those above
}

// files are the names of a version.
type files struct {
	limit, used string
	reclaimable []string // keys of memory.stat: what the kernel takes back before it kills
}

var (
	version1 = files{"memory.limit_in_bytes", "memory.usage_in_bytes", []string{"total_inactive_file", "total_active_file"}}
	version2 = files{"memory.max", "memory.current", []string{"inactive_file", "active_file"}}
)

// Find returns the group of this process, by /proc/self of root, which is the
// file system's; nil: there is none, or it cannot be read.
func Find(root fs.FS) *Group {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return nil
	}
	mounts, err := fs.ReadFile(root, "proc/self/mountinfo")
	if err != nil {
		return nil
	}
	// Where both versions are mounted, version 1 has the memory if it says so.
	for _, v := range []struct {
		files
		fsType, controller string
	}{{version1, "cgroup", "memory"}, {version2, "cgroup2", ""}} {
		at, found := groupPath(groups, v.controller)
		mount, mountRoot, mounted := mountOf(mounts, v.fsType, v.controller)
		if found && mounted {
			g := &Group{root: root, files: v.files, dirs: dirs(mount, within(at, mountRoot))}
			if _, _, ok := g.Use(); ok {
				return g
			}
		}
	}
	return nil
}

// groupPath is the group's path in /proc/self/cgroup (cgroups(7)): lines of
// hierarchy:controllers:path.
func groupPath(groups []byte, controller string) (string, bool) {
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && hasWord(parts[1], controller) {
			return parts[2], true
		}
	}
	return "", false
}

// mountOf is where a hierarchy is mounted, and which of its groups is there
// (proc_pid_mountinfo(5)).
func mountOf(mounts []byte, fsType, controller string) (at, root string, found bool) {
	for line := range strings.Lines(string(mounts)) {
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) > 4 && len(right) > 2 && right[0] == fsType && (controller == "" || hasWord(right[2], controller)) {
			return left[4], left[3], true
		}
	}
	return "", "", false
}

func hasWord(list, word string) bool { return strings.Contains(","+list+",", ","+word+",") }

// within is a group's path below the one that is mounted. One that is not there
// is hidden by a namespace: then the mount is all that can be seen.
func within(group, root string) string {
	if root == "/" {
		return path.Clean("/" + group)
	}
	if below, ok := strings.CutPrefix(group, root); ok {
		return path.Clean("/" + below)
	}
	return "/"
}

func dirs(mount, group string) (found []string) {
	for ; ; group = path.Dir(group) {
		found = append(found, strings.TrimPrefix(path.Join(mount, group), "/"))
		if group == "/" {
			return found
		}
	}
}

// Use returns limit and use, in bytes, of that group of all that has the least
// left, without what the kernel would take back; ok: there is a limit.
func (g *Group) Use() (used, limit uint64, ok bool) {
	for _, dir := range g.dirs {
		u, l, limited := g.useOf(dir)
		if limited && (!ok || float64(u)/float64(l) > float64(used)/float64(limit)) {
			used, limit, ok = u, l, true
		}
	}
	return used, limit, ok
}

func (g *Group) useOf(dir string) (used, limit uint64, ok bool) {
	const none = 1 << 60 // version 1 has a number where version 2 says "max"
	limit, ok = g.number(dir, g.files.limit)
	if !ok || limit == 0 || limit >= none {
		return 0, 0, false
	}
	if used, ok = g.number(dir, g.files.used); !ok {
		return 0, 0, false
	}
	stat, err := fs.ReadFile(g.root, path.Join(dir, "memory.stat"))
	if err != nil {
		return used, limit, true
	}
	for line := range strings.Lines(string(stat)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if key == g.files.reclaimable[0] || key == g.files.reclaimable[1] {
			n, _ := strconv.ParseUint(value, 10, 64)
			used -= min(used, n)
		}
	}
	return used, limit, true
}

func (g *Group) number(dir, file string) (uint64, bool) {
	text, err := fs.ReadFile(g.root, path.Join(dir, file))
	n, bad := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil && bad == nil
}
