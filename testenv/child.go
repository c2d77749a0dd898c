package testenv

import (
	"fmt"
	"os/exec"
	"syscall"
)

// Child is a process other than Envoy that cannot outlive this program.
type Child struct{ process *process }

// StartChild starts cmd in a process group of its own, so that a Ctrl-C on the
// terminal leaves it to Stop.
func StartChild(cmd *exec.Cmd) (*Child, error) {
	p, err := startProcess(cmd)
	if err != nil {
		return nil, err
	}
	return &Child{process: p}, nil
}

// PID returns the process id.
func (c *Child) PID() int { return c.process.cmd.Process.Pid }

// Alive returns nil while the process runs, and else how it ended.
func (c *Child) Alive() error {
	select {
	case <-c.process.exited:
		return fmt.Errorf("ended by itself: %w", c.process.endError())
	default:
		return nil
	}
}

// Stop asks the process to end by SIGTERM, and insists. To end by that very
// signal is a good end. An error says that it had ended before, or badly.
func (c *Child) Stop() error {
	err := c.process.stop(stopTimeout)
	if exit, ok := err.(*exec.ExitError); ok { // by itself, or killed: not this very type
		status := exit.Sys().(syscall.WaitStatus)
		if status.Signal() == syscall.SIGTERM || status.ExitStatus() == 128+int(syscall.SIGTERM) {
			return nil
		}
	}
	return err
}
