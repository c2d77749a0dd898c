package testenv

import (
	"fmt"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a child that cannot outlive this program.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{} // closed after err is set
	err    error
}

// startProcess starts cmd in a process group of its own, so that a Ctrl-C on
// the terminal leaves it to Stop. The kernel kills it when the OS thread that
// forked it ends (Pdeathsig), so one goroutine keeps that thread until then.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &process{cmd: cmd, exited: make(chan struct{})}
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
	return p, <-started
}

// stop asks the process to end and insists after grace. The error says that it
// was gone already, or that it did not end with status 0.
func (p *process) stop(grace time.Duration) error {
	select {
	case <-p.exited:
		return fmt.Errorf("ended by itself: %w", p.endError())
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // if it is just gone, exited says so
	select {
	case <-p.exited:
		return p.err
	case <-time.After(grace):
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
	return fmt.Errorf("still ran %v after SIGTERM: killed", grace)
}

// endError tells how an ended process ended, status 0 included.
func (p *process) endError() error {
	if p.err != nil {
		return p.err
	}
	return fmt.Errorf("%s", p.cmd.ProcessState)
}
