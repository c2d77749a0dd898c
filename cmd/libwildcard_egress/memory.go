package main

import (
	"os"
	"time"

	"wildcard-egress/envoy"
	"wildcard-egress/filter"
	"wildcard-egress/memory"
)

// guardMemory begins to look at the memory of the process's control group, if it
// has a limit. Envoy's own monitor of it refuses to start where there is no file of
// that name, and counts what the kernel would take back.
func (s *shared) guardMemory() {
	s.guarding.Do(func() {
		if group := memory.Find(os.DirFS("/")); group != nil {
			go s.watchMemory(group)
		}
	})
}

func (s *shared) watchMemory(group *memory.Group) {
	defer func() {
		if r := recover(); r != nil {
			envoy.LimitConnections(-1)
			s.panicked(r)
		}
	}()
	guard, capped := memory.Guard{}, false
	for range time.Tick(time.Second / 10) {
		used, limit, ok := group.Use()
		if !ok {
			continue
		}
		todo := guard.Step(used, limit, envoy.Connections())
		most := -1
		if todo.Capped {
			most = todo.Most
		}
		envoy.LimitConnections(most)
		if todo.Shed > 0 {
			envoy.Shed(todo.Shed)
		}
		if capped != todo.Capped {
			capped = todo.Capped
			s.log.Warn("memory is nearly used up: no more connections than there are, and if it grows fewer", "on", capped,
				"used_mb", used>>20, "limit_mb", limit>>20, "connections", envoy.Connections())
		}
		s.countUnwanted()
	}
}

// countUnwanted counts, on Envoy's main thread, what was closed at accept.
func (s *shared) countUnwanted() {
	users := s.users()
	if len(users) == 0 {
		return
	}
	if n := envoy.TakeUnwanted(); n > 0 {
		users[0].host.OnMain(func() { users[0].host.Count(filter.MemoryCounter(), n) })
	}
}
