package envoy

// #include <stdlib.h>
// #include "conn.h"
import "C"

import (
	"fmt"
	"runtime/cgo"
	"sync"
	"time"
	"unsafe"
)

// Config is one filter_config in Envoy.
type Config struct {
	c       *C.struct_config
	factory Factory

	mu        sync.Mutex
	scheduler unsafe.Pointer // Envoy's; freed when it has ended and nobody posts
	ended     bool
	posting   int      // calls of OnMain that use the scheduler
	tasks     []func() // for the main thread
}

func configOf(c *C.struct_config) *Config { return cgo.Handle(c.handle).Value().(*Config) }

// DefineCounters defines Envoy counters, which Conn.Count and Config.Count then
// name by their index. It is possible only in NewFactory, once. panicked is the
// index of the counter of connections closed by a panic.
func (c *Config) DefineCounters(names []string, panicked int) error {
	c.c.counters = newIDs(len(names))
	for i, name := range names {
		if !C.config_define_counter(c.c, C.size_t(i), chars(name), C.size_t(len(name))) {
			return fmt.Errorf("counter %q: envoy does not define it", name)
		}
	}
	c.c.counter_count = C.size_t(len(names))
	c.c.panic_counter = C.size_t(panicked)
	return nil
}

// DefineGauges is DefineCounters for gauges.
func (c *Config) DefineGauges(names []string) error {
	c.c.gauges = newIDs(len(names))
	for i, name := range names {
		if !C.config_define_gauge(c.c, C.size_t(i), chars(name), C.size_t(len(name))) {
			return fmt.Errorf("gauge %q: envoy does not define it", name)
		}
	}
	c.c.gauge_count = C.size_t(len(names))
	return nil
}

func newIDs(n int) *C.size_t { return (*C.size_t)(C.calloc(C.size_t(n), C.sizeof_size_t)) }

// Count raises a counter. Main thread only: see OnMain.
func (c *Config) Count(counter int) { C.config_count(c.c, C.size_t(counter)) }

// SetGauge sets a gauge. Main thread only: see OnMain.
func (c *Config) SetGauge(gauge int, value uint64) {
	C.config_set_gauge(c.c, C.size_t(gauge), C.uint64_t(value))
}

// SetDeadline limits how long a connection may wait for its decision, from the
// end of the outer handshake (from accept where there is none). It concerns
// the connections that come. Zero is no limit. Any thread; nothing happens
// once the configuration has ended.
func (c *Config) SetDeadline(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	C.config_set_deadline(c.c, C.uint64_t(d.Nanoseconds()))
}

// OnMain runs a task on Envoy's main thread, soon. It returns false when the
// configuration has ended. Any thread.
func (c *Config) OnMain(task func()) bool {
	c.mu.Lock()
	if c.ended {
		c.mu.Unlock()
		return false
	}
	c.tasks = append(c.tasks, task)
	c.posting++
	c.mu.Unlock()
	// Without the lock: this may drop the last reference to the configuration,
	// and so run its end on this thread.
	C.config_schedule(c.scheduler)
	c.mu.Lock()
	c.posting--
	c.freeSchedulerLocked()
	c.mu.Unlock()
	return true
}

func (c *Config) takeTasks() []func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	tasks := c.tasks
	c.tasks = nil
	return tasks
}

// end lets go of Envoy's object and of c.c: no method uses them from here on.
func (c *Config) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended, c.tasks = true, nil
	c.freeSchedulerLocked()
}

func (c *Config) freeSchedulerLocked() {
	if c.ended && c.posting == 0 && c.scheduler != nil {
		C.config_scheduler_delete(c.scheduler)
		c.scheduler = nil
	}
}
