package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"wildcard-egress/testenv/procs"
)

// serverPath finds a server's binary, also where it is not on a user's PATH.
func serverPath(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	path, err := exec.LookPath(filepath.Join("/usr/sbin", name))
	if err != nil {
		return "", fmt.Errorf("%s is not installed; get it: make bench-deps", name)
	}
	return path, nil
}

// startServer starts a server that is not an Envoy. Its listener is opened
// here, on a free port, and inherited: as file 3. It is ready when a
// connection goes all the way through it.
func (w *world) startServer(ctx context.Context, p *proxy, s setup, command func(port string) (*exec.Cmd, error)) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer listener.Close() // the child has its own
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		return err
	}
	defer file.Close()
	p.addr = listener.Addr().String()
	p.client = w.client(p.addr, s.handshake)
	_, port, _ := net.SplitHostPort(p.addr)
	cmd, err := command(port)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(w.dir, p.file+".log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, w.dir
	cmd.ExtraFiles = []*os.File{file}
	begin := time.Now()
	child, err := procs.Start(cmd)
	if err != nil {
		return err
	}
	if err := setNonblock(listener); err != nil {
		return errors.Join(err, child.Stop())
	}
	p.stop = child.Stop
	p.processes = func() ([]int, error) { return family(child.PID()) }
	if err := p.waitReady(ctx, child); err != nil {
		_ = child.Stop() // why it is not ready says more
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w; its log begins:\n%.2000s", err, text)
	}
	p.startTime = time.Since(begin)
	return nil
}

// setNonblock undoes what os/exec does to a file that a child inherits. It
// works for the child too, since they share it. nginx does not do it by itself:
// a worker that loses the race for a connection would then wait for the next.
func setNonblock(listener net.Listener) error {
	raw, err := listener.(*net.TCPListener).SyscallConn()
	if err != nil {
		return err
	}
	setErr := error(nil)
	err = raw.Control(func(fd uintptr) { setErr = syscall.SetNonblock(int(fd), true) })
	return errors.Join(err, setErr)
}

func (p *proxy) waitReady(ctx context.Context, child *procs.Process) error {
	return waitFor(ctx, p.name+": not ready", func() (bool, error) {
		if err := child.Alive(); err != nil {
			return false, err
		}
		conn, err := p.client.connect(ctx, 0)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	})
}

// family returns a process and its children.
func family(pid int) ([]int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil, err
	}
	all := []int{pid}
	for _, field := range strings.Fields(string(text)) {
		child, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		all = append(all, child)
	}
	return all, nil
}
