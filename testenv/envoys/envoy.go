// Package envoys finds and runs Envoy processes, and asks their admin interface.
package envoys

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"wildcard-egress/testenv/poll"
	"wildcard-egress/testenv/procs"
)

// startTimeout is long: only an Envoy that does not start uses all of it.
const startTimeout = 90 * time.Second

// Options say which Envoy to start, and with what.
type Options struct {
	Name      string // for files and messages, such as "gateway"
	Dir       string // for its files; must exist
	Binary    string
	Bootstrap []byte // YAML; the admin address must be there, best with port 0
	// ModuleDir is where libwildcard_egress.so lies; empty if none is loaded.
	ModuleDir   string
	Concurrency int      // workers; 0 is 1
	Args        []string // further flags of envoy
	Env         []string // further environment, NAME=value
	// HotRestart leaves hot restarts possible: Args must say the base id, and
	// the file that it leaves in /dev/shm is the caller's to remove.
	HotRestart bool
}

// Envoy is a running Envoy process.
type Envoy struct {
	Name string

	process *procs.Process
	admin   string // host:port
	logFile string
}

// Start starts an Envoy and returns when it is ready. An error has the
// end of its log. The caller stops it.
func Start(ctx context.Context, o Options) (*Envoy, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	e := &Envoy{Name: o.Name, logFile: filepath.Join(o.Dir, o.Name+".log")}
	adminFile := filepath.Join(o.Dir, o.Name+".admin")
	if err := e.launch(o, adminFile); err != nil {
		return nil, fmt.Errorf("envoy %s: %w", o.Name, err)
	}
	if err := e.waitReady(ctx, adminFile); err != nil {
		_ = e.process.Stop() // why it is not ready says more
		return nil, fmt.Errorf("envoy %s: %w; its log ends:\n%s", o.Name, err, e.LogTail(4096))
	}
	return e, nil
}

func (e *Envoy) launch(o Options, adminFile string) error {
	bootstrap := filepath.Join(o.Dir, o.Name+".yaml")
	if err := os.WriteFile(bootstrap, o.Bootstrap, 0o600); err != nil {
		return err
	}
	log, err := os.OpenFile(e.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own
	if err := os.Remove(adminFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err // of an earlier Envoy of this name: it would be taken for this one's
	}
	args := []string{
		"--config-path", bootstrap,
		"--admin-address-path", adminFile,
		"--concurrency", strconv.Itoa(max(o.Concurrency, 1)),
		"--file-flush-interval-msec", "50",
	}
	if !o.HotRestart {
		args = append(args, "--disable-hot-restart") // else a file stays in /dev/shm, even after SIGTERM
	}
	cmd := exec.Command(o.Binary, append(args, o.Args...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), o.Env...)
	if o.ModuleDir != "" {
		cmd.Env = append(cmd.Env, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH="+o.ModuleDir)
	}
	e.process, err = procs.Start(cmd)
	return err
}

func (e *Envoy) waitReady(ctx context.Context, adminFile string) error {
	return poll.Until(ctx, func() error {
		if err := e.process.Alive(); err != nil {
			return poll.Stop(err)
		}
		if e.admin == "" {
			addr, err := os.ReadFile(adminFile)
			if err != nil || !strings.Contains(string(addr), ":") {
				return errors.New("not ready: no admin address yet")
			}
			e.admin = string(addr)
		}
		_, err := e.Admin("/ready")
		return err
	})
}

// Stop ends the process. An error says that Envoy had ended before, or badly:
// a crash.
func (e *Envoy) Stop() error {
	if err := e.process.Stop(); err != nil {
		return fmt.Errorf("envoy %s: %w", e.Name, err)
	}
	return nil
}

// PID returns the process id.
func (e *Envoy) PID() int { return e.process.PID() }

// Alive returns nil while the process runs, and else how it ended.
func (e *Envoy) Alive() error {
	if err := e.process.Alive(); err != nil {
		return fmt.Errorf("envoy %s: %w", e.Name, err)
	}
	return nil
}

// Usage returns what the process has used so far.
func (e *Envoy) Usage() (procs.Usage, error) {
	u, err := procs.UsageOf(e.PID())
	if err != nil {
		return procs.Usage{}, fmt.Errorf("envoy %s: %w", e.Name, err)
	}
	return u, nil
}

// LogTail returns the last n bytes of what Envoy printed.
func (e *Envoy) LogTail(n int64) string {
	f, err := os.Open(e.logFile)
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > n {
		_, _ = f.Seek(-n, io.SeekEnd)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
