package memory_test

import (
	"testing"
	"testing/fstest"

	"wildcard-egress/memory"
)

const mib = 1 << 20

func files(contents map[string]string) fstest.MapFS {
	all := fstest.MapFS{}
	for name, content := range contents {
		all[name] = &fstest.MapFile{Data: []byte(content)}
	}
	return all
}

func TestFindReadsTheGroupThatHasTheLeastLeft(t *testing.T) {
	const unified = "30 20 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n"
	for name, tt := range map[string]struct {
		files       map[string]string
		used, limit uint64 // 0: no limit
	}{
		"version 2, in a namespace of its own": {
			files: map[string]string{
				"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": unified,
				"sys/fs/cgroup/memory.max": "2147483648\n", "sys/fs/cgroup/memory.current": "104857600\n",
				"sys/fs/cgroup/memory.stat": "anon 83886080\nfile 20971520\ninactive_file 10485760\nactive_file 5242880\n",
			},
			used: 85 * mib, limit: 2048 * mib,
		},
		"version 2, the pod's limit below the container's": {
			files: map[string]string{
				"proc/self/cgroup": "0::/pod/container\n", "proc/self/mountinfo": unified,
				"sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "9999999999\n",
				"sys/fs/cgroup/pod/memory.max": "209715200\n", "sys/fs/cgroup/pod/memory.current": "188743680\n",
				"sys/fs/cgroup/pod/container/memory.max": "max\n", "sys/fs/cgroup/pod/container/memory.current": "104857600\n",
			},
			used: 180 * mib, limit: 200 * mib,
		},
		"version 1, as Docker mounts it": {
			files: map[string]string{
				"proc/self/cgroup":                            "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n",
				"proc/self/mountinfo":                         "31 20 0:27 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n" + unified,
				"sys/fs/cgroup/memory/memory.limit_in_bytes":  "1073741824\n",
				"sys/fs/cgroup/memory/memory.usage_in_bytes":  "524288000\n",
				"sys/fs/cgroup/memory/memory.stat":            "inactive_file 1\ntotal_inactive_file 104857600\ntotal_active_file 0\n",
				"sys/fs/cgroup/memory/docker/memory.max":      "1",
				"sys/fs/cgroup/memory/docker/memory.current":  "1",
				"sys/fs/cgroup/docker/x/memory.usage_in_byte": "1",
			},
			used: 400 * mib, limit: 1024 * mib,
		},
		"version 1 without a limit": {files: map[string]string{
			"proc/self/cgroup": "4:memory:/\n", "proc/self/mountinfo": "31 20 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "1\n",
		}},
		"no file for memory": {files: map[string]string{"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": unified}},
		"no control groups":  {files: map[string]string{"proc/self/mountinfo": unified}},
		"nothing":            {},
		"what is no number": {files: map[string]string{
			"proc/self/cgroup": "0::/\n::\n:\n\n", "proc/self/mountinfo": "x\n - \n" + unified,
			"sys/fs/cgroup/memory.max": "many\n", "sys/fs/cgroup/memory.current": "-1\n",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := memory.Find(files(tt.files))
			if g == nil {
				if tt.limit != 0 {
					t.Errorf("no group is found, want a limit of %d", tt.limit)
				}
				return
			}
			if used, limit, ok := g.Use(); used != tt.used || limit != tt.limit || ok != (tt.limit != 0) {
				t.Errorf("%d of %d, %v; want %d of %d", used, limit, ok, tt.used, tt.limit)
			}
		})
	}
}

func TestGuardStopsThenShedsAndComesBack(t *testing.T) {
	g := memory.Guard{}
	for i, tt := range []struct {
		permille    uint64
		connections int
		want        memory.Action
	}{
		{800, 1000, memory.Action{}},
		{899, 2000, memory.Action{}},
		{900, 2100, memory.Action{Capped: true, Most: 2100}},
		{900, 2050, memory.Action{Capped: true, Most: 2100}}, // no growth: others may take the places
		{930, 2080, memory.Action{Capped: true, Most: 2080}},
		{960, 2080, memory.Action{Capped: true, Most: 1980, Shed: 100}},
		{960, 1980, memory.Action{Capped: true, Most: 1980}}, // what was freed serves those that are there
		{970, 1980, memory.Action{Capped: true, Most: 1880, Shed: 100}},
		{980, 50, memory.Action{Capped: true, Most: 0, Shed: 50}},
		{880, 0, memory.Action{Capped: true, Most: 0}},
		{849, 0, memory.Action{}},
	} {
		if got := g.Step(tt.permille, 1000, tt.connections); got != tt.want {
			t.Errorf("step %d, %d of 1000: %+v, want %+v", i, tt.permille, got, tt.want)
		}
	}
}

// An allocator that gives nothing back does not keep the gateway closed.
func TestGuardTriesMoreWhereUseDoesNotGrow(t *testing.T) {
	g := memory.Guard{}
	g.Step(960, 1000, 50)
	most := 0
	for range 600 { // a minute
		most = g.Step(960, 1000, most).Most
	}
	if most < 500 {
		t.Errorf("after a minute without growth %d connections may be, want 500", most)
	}
}
