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
	if err := r.sockets(); err != nil {
		return err
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

// sockets measures by how much an idle TCP socket makes the kernel grow. All
// stay open until the last round: what one round frees would serve the next.
func (r *run) sockets() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close()
	for range r.plan.idleRounds {
		conns := make([]net.Conn, 2*r.plan.idleConnections)
		defer closeAll(conns)
		before, err := slab()
		if err != nil {
			return err
		}
		for i := 0; i < len(conns); i += 2 {
			if conns[i], err = net.Dial("tcp", listener.Addr().String()); err != nil {
				return err
			}
			if conns[i+1], err = listener.Accept(); err != nil {
				return err
			}
		}
		after, err := slab()
		if err != nil {
			return err
		}
		r.figures.add(figure{ID: "socket", Section: hostSection, Title: "kernel memory (slab) of an idle TCP socket", Unit: "KB"},
			"any", (after-before)/float64(len(conns)))
	}
	return nil
}

// slab returns the kernel's own memory in KB of 1000 bytes.
func slab() (float64, error) {
	var kibibytes float64
	_, err := fmt.Sscan(strings.TrimSuffix(proc("/proc/meminfo", "Slab"), " kB"), &kibibytes)
	return kibibytes * 1.024, err
}
