// Package procs runs child processes that cannot outlive this program, and
// reads what a process uses.
package procs

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// grace is how long a process may take to end after SIGTERM; long, for a loaded
// machine.
const grace = 30 * time.Second

// Process is a child that cannot outlive this program.
type Process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed after err is set
	err    error
}

// Start starts cmd in a process group of its own, so that a Ctrl-C on the
// terminal leaves it to Stop. The kernel kills it when the OS thread that forked
// it ends (Pdeathsig), so one goroutine keeps that thread until then.
func Start(cmd *exec.Cmd) (*Process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{cmd: cmd, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.exited)
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Alive returns nil while the process runs, and else how it ended, status 0
// included.
func (p *Process) Alive() error {
	select {
	case <-p.exited:
	default:
		return nil
	}
	if p.err != nil {
		return fmt.Errorf("ended by itself: %w", p.err)
	}
	return fmt.Errorf("ended by itself: %s", p.cmd.ProcessState)
}

// Stop asks the process to end by SIGTERM, and insists. To end by that very
// signal is a good end. An error says that it had ended before, or badly.
func (p *Process) Stop() error {
	if err := p.Alive(); err != nil {
		return err
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // if it is just gone, exited says so
	select {
	case <-p.exited:
	case <-time.After(grace):
		_ = p.cmd.Process.Kill()
		<-p.exited
		return fmt.Errorf("still ran %v after SIGTERM: killed", grace)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		status := exit.Sys().(syscall.WaitStatus)
		if status.Signal() == syscall.SIGTERM || status.ExitStatus() == 128+int(syscall.SIGTERM) {
			return nil
		}
	}
	return p.err
}
