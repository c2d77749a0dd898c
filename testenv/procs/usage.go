package procs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Usage is what a process has used so far.
type Usage struct {
	ResidentBytes int64
	OpenFiles     int
	Threads       []ThreadUsage // those that live now
}

// ThreadUsage is one thread's part.
type ThreadUsage struct {
	ID   int
	Name string // as Envoy named it, such as "wrk:worker_0"
	CPU  time.Duration
}

// CPU returns the CPU time of all threads that live now.
func (u Usage) CPU() time.Duration {
	var sum time.Duration
	for _, t := range u.Threads {
		sum += t.CPU
	}
	return sum
}

// UsageOf reads a process's memory, files and CPU time from /proc.
func UsageOf(pid int) (Usage, error) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	statm, err := os.ReadFile(filepath.Join(proc, "statm"))
	if err != nil {
		return Usage{}, err
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		return Usage{}, fmt.Errorf("%s/statm: %w", proc, err)
	}
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return Usage{}, err
	}
	tasks, err := os.ReadDir(filepath.Join(proc, "task"))
	if err != nil {
		return Usage{}, err
	}
	u := Usage{ResidentBytes: resident * int64(os.Getpagesize()), OpenFiles: len(files)}
	for _, task := range tasks {
		thread, err := threadUsage(filepath.Join(proc, "task", task.Name()))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // ended since
		}
		if err != nil {
			return Usage{}, fmt.Errorf("thread %s: %w", task.Name(), err)
		}
		u.Threads = append(u.Threads, thread)
	}
	return u, nil
}

func threadUsage(dir string) (ThreadUsage, error) {
	name, err := os.ReadFile(filepath.Join(dir, "comm"))
	if err != nil {
		return ThreadUsage{}, err
	}
	sched, err := os.ReadFile(filepath.Join(dir, "schedstat")) // nanoseconds on CPU come first
	if err != nil {
		return ThreadUsage{}, err
	}
	t := ThreadUsage{Name: strings.TrimSpace(string(name))}
	if t.ID, err = strconv.Atoi(filepath.Base(dir)); err != nil {
		return ThreadUsage{}, err
	}
	_, err = fmt.Sscan(string(sched), (*int64)(&t.CPU))
	return t, err
}
