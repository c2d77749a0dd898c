package main

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// apart gives the last CPU to the proxies, and all others to this process: its
// client, DNS server and upstream would otherwise push the proxies from CPU to
// CPU, which costs them up to a tenth, in one round more than in the next.
// together undoes it for this process. With one CPU nothing happens.
func apart(proxies []*proxy) (together func() error, err error) {
	last := runtime.NumCPU() - 1
	all, others := cpus(0, last), cpus(0, last-1)
	if last == 0 {
		others = all
	}
	for _, p := range proxies {
		pids, err := p.processes()
		if err != nil {
			return nil, err
		}
		for _, pid := range pids {
			if err := confine(pid, cpus(last, last)); err != nil {
				return nil, err
			}
		}
	}
	return func() error { return confine(os.Getpid(), all) }, confine(os.Getpid(), others)
}

func cpus(first, last int) *unix.CPUSet {
	var set unix.CPUSet
	for cpu := first; cpu <= last; cpu++ {
		set.Set(cpu)
	}
	return &set
}

// confine lets the threads of a process, and those that they will start, run
// on these CPUs only.
func confine(pid int, on *unix.CPUSet) error {
	tasks, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		return err
	}
	for _, task := range tasks {
		id, err := strconv.Atoi(task.Name())
		if err == nil {
			err = unix.SchedSetaffinity(id, on)
		}
		if err != nil && !errors.Is(err, unix.ESRCH) { // ended since
			return err
		}
	}
	return nil
}
