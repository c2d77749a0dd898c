package envoy

// #include <stdlib.h>
// #include "conn.h"
import "C"

import (
	"fmt"
	"math/bits"
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
	posting   int       // calls of OnMain that use the scheduler
	posted    sync.Cond // one of them has done
	tasks     []func()  // for the main thread
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

// MeasureWaits defines a histogram of how long connections wait for their
// decision, in milliseconds from the end of the outer handshake (from accept where
// there is none). It is possible only in NewFactory, once.
func (c *Config) MeasureWaits(name string) error {
	if !C.config_measure_waits(c.c, chars(name), C.size_t(len(name))) {
		return fmt.Errorf("histogram %q: envoy does not define it", name)
	}
	return nil
}

func newIDs(n int) *C.size_t { return (*C.size_t)(C.calloc(C.size_t(n), C.sizeof_size_t)) }

// Count raises a counter by n. Main thread only: see OnMain.
func (c *Config) Count(counter, n int) {
	if n > 0 {
		C.config_count(c.c, C.size_t(counter), C.uint64_t(n))
	}
}

// SetGauge sets a gauge. Main thread only: see OnMain.
func (c *Config) SetGauge(gauge int, value uint64) {
	C.config_set_gauge(c.c, C.size_t(gauge), C.uint64_t(value))
}

// Limits concern the connections that come.
type Limits struct {
	// Deadline is how long a connection may wait for its decision, from the end
	// of the outer handshake (from accept where there is none); 0: for ever.
	Deadline time.Duration
	// MaxHelloBytes is the size of the largest ClientHello whose decision may be
	// recalled without asking the filter.
	MaxHelloBytes int
	// RecallFor is how long a decision is recalled before the filter is asked
	// again; 0: until the next SetLimits.
	RecallFor time.Duration
	// LinesPerSecond is how many connections that are not let through have a line
	// in the access log, for the whole process; 0: all of them. The others have a
	// mark, which the access log's filter has to look at.
	LinesPerSecond uint32
}

// SetLimits sets the limits and forgets all decisions: call it when decisions
// may be others than before. Any thread; nothing happens once the configuration
// has ended.
func (c *Config) SetLimits(l Limits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	C.config_set_limits(c.c, C.uint64_t(l.Deadline.Nanoseconds()), C.size_t(l.MaxHelloBytes),
		C.uint64_t(l.RecallFor.Nanoseconds()))
	C.lines_set_rate(C.uint32_t(l.LinesPerSecond))
	C.config_new_generation(c.c)
}

// CountLinesLeftOut says the counter of lines that the access log has not, by its
// index. It is possible only in NewFactory, and each must say it.
func (c *Config) CountLinesLeftOut(counter int) { c.c.lines_counter = C.size_t(counter) }

// Exempt says that connections are the gateway's own, such as a probe's: they find
// room however many wait and however full memory is, and take no line of the access
// log from others. It is possible only in NewFactory.
func (c *Config) Exempt() { c.c.exempt = true }

// TakeCallersFromProxyProtocol says that the filters know their callers by the
// PROXY header (Conn.ProxyIdentity, DestinationPort, OverLoopback) and not by the
// outer TLS session: decisions are recalled by that. It is possible only in
// NewFactory.
func (c *Config) TakeCallersFromProxyProtocol() { c.c.proxy_protocol = true }

// RecallDecisions keeps up to so many decisions for each worker (rounded up to
// a power of two), so that Conn.Remember works; 0: none. hit and miss are the
// indexes of counters. It is possible only in NewFactory.
func (c *Config) RecallDecisions(perWorker, hit, miss int) {
	c.c.hit_counter, c.c.miss_counter = C.size_t(hit), C.size_t(miss)
	if perWorker > 0 {
		c.c.recall_slots = 1 << bits.Len(uint(max(perWorker, C.RECALL_WAYS)-1))
	}
}

// ExpireBy names a filter state, plain text, that an earlier filter sets to the
// time until which its connection's caller may be trusted, in seconds since
// 1970: see Conn.Expired. It is possible only in NewFactory, once.
func (c *Config) ExpireBy(key string) { c.c.expiry_key = C.CString(key) }

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
	c.posted.Broadcast()
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
	// Envoy's main thread may end next, and with it what the scheduler writes to.
	for c.posting > 0 && !bool(C.config_scheduling()) {
		c.posted.Wait()
	}
	c.freeSchedulerLocked()
}

func (c *Config) freeSchedulerLocked() {
	if c.ended && c.posting == 0 && c.scheduler != nil {
		C.config_scheduler_delete(c.scheduler)
		c.scheduler = nil
	}
}
