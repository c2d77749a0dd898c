package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// host measures what a connection costs outside the proxy's process: the
// kernel's memory for its sockets, and the lines of its access log.
func (r *run) host(ctx context.Context) error {
	r.say("kernel memory and access log")
	for range r.plan.idleRounds {
		held, err := r.socketMemory()
		if err != nil {
			return err
		}
		r.figures.add(figure{ID: "socket", Section: hostSection, Title: "kernel memory (slab) of an idle TCP socket", Unit: "KB"}, "any", held)
	}
	return r.withProxies(ctx, []string{ours}, usual(full), func(proxies []*proxy) error {
		p := proxies[0]
		if err := p.warm(ctx); err != nil {
			return err
		}
		return waitFor(ctx, p.name+": no access log", func() (bool, error) {
			log, err := os.ReadFile(filepath.Join(r.world.dir, p.file+".access.json"))
			lines := bytes.Count(log, []byte("\n"))
			if err != nil || lines < 2*names {
				return false, err
			}
			r.figures.add(figure{ID: "log-line", Section: hostSection, Title: "access log of an allowed connection", Unit: "bytes"},
				"any", float64(len(log))/float64(lines))
			return true, nil
		})
	})
}

const hostSection = "What a connection costs beside the proxy"

// socketMemory returns by how many KB an idle TCP socket makes the kernel grow.
func (r *run) socketMemory() (float64, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	conns := make([]net.Conn, 2*r.plan.idleConnections)
	defer closeAll(conns)
	before, err := slab()
	if err != nil {
		return 0, err
	}
	for i := 0; i < len(conns); i += 2 {
		if conns[i], err = net.Dial("tcp", listener.Addr().String()); err != nil {
			return 0, err
		}
		if conns[i+1], err = listener.Accept(); err != nil {
			return 0, err
		}
	}
	after, err := slab()
	return (after - before) / float64(len(conns)), err
}

// slab returns the kernel's own memory in KB of 1000 bytes.
func slab() (float64, error) {
	var kibibytes float64
	_, err := fmt.Sscan(strings.TrimSuffix(proc("/proc/meminfo", "Slab"), " kB"), &kibibytes)
	return kibibytes * 1.024, err
}
