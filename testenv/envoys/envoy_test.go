package envoys_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/poll"
)

const echoBootstrap = `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: echo
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: echo
        typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}
`

// orphanVariable makes the test binary the parent that
// TestEnvoyDiesWithItsParent kills.
const orphanVariable = "TESTENV_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(orphanVariable); dir != "" {
		envoy, err := startEcho(context.Background(), dir)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(envoy.PID())
		select {}
	}
	os.Exit(m.Run())
}

func startEcho(ctx context.Context, dir string) (*envoys.Envoy, error) {
	binary, err := envoys.Find()
	if err != nil {
		return nil, err
	}
	return envoys.Start(ctx, envoys.Options{
		Name: "echo", Dir: dir, Binary: binary, Bootstrap: []byte(echoBootstrap), Concurrency: 2,
	})
}

func TestEnvoyRuns(t *testing.T) {
	envoy, err := startEcho(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("its listener answers", func(t *testing.T) { wantEcho(t, envoy) })
	t.Run("its stats count", func(t *testing.T) {
		stats, err := envoy.Stats("downstream_cx_total")
		if err != nil || stats["listener.127.0.0.1_0.downstream_cx_total"] != 1 {
			t.Errorf("stats %v, %v; want 1 connection", stats, err)
		}
		if n, err := envoy.Stat("no.such.stat"); n != 0 || err != nil {
			t.Errorf("a stat that is not there = %d, %v; want 0", n, err)
		}
	})
	t.Run("its usage is read", func(t *testing.T) {
		usage, err := envoy.Usage()
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, thread := range usage.Threads {
			names[thread.Name] = true
		}
		if usage.ResidentBytes < 10<<20 || usage.OpenFiles < 5 || usage.CPU() <= 0 || !names["wrk:worker_0"] || !names["wrk:worker_1"] {
			t.Errorf("usage %+v: want more memory, files or CPU time, or a thread for each of 2 workers", usage)
		}
	})
	t.Run("a wrong admin path is an error", func(t *testing.T) {
		if _, err := envoy.Admin("/no-such-page"); err == nil || !strings.Contains(err.Error(), "404") {
			t.Errorf("error %v, want 404", err)
		}
	})
	t.Run("it has no file in shared memory, which would stay", func(t *testing.T) {
		maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", envoy.PID()))
		if err != nil || bytes.Contains(maps, []byte("/dev/shm/")) {
			t.Errorf("maps a file of /dev/shm, or cannot be read: %v", err)
		}
	})
	t.Run("its process is gone after Stop", func(t *testing.T) {
		if err := errors.Join(envoy.Alive(), envoy.Stop()); err != nil {
			t.Error(err)
		}
		if err := syscall.Kill(envoy.PID(), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d: %v, want it gone", envoy.PID(), err)
		}
	})
}

func TestEnvoyTellsThatItCrashed(t *testing.T) {
	envoy, err := startEcho(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(envoy.PID(), syscall.SIGSEGV); err != nil {
		t.Fatal(err)
	}
	poll.Want(t, func() error {
		if envoy.Alive() == nil {
			return errors.New("it lives")
		}
		return nil
	})
	if err := envoy.Stop(); err == nil || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("Stop = %v, want that it ended by itself", err)
	}
	if !strings.Contains(envoy.LogTail(1<<16), "Segmentation fault") {
		t.Errorf("log %q, want Envoy's word about the fault", envoy.LogTail(1<<16))
	}
}

func TestEnvoyDiesWithItsParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), orphanVariable+"="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed, as it must be
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the parent printed %q, want its Envoy's process id", line)
	}
	poll.Want(t, func() error {
		if !gone(pid) {
			return errors.New("its Envoy lives")
		}
		return nil
	})
}

func TestEnvoyThatDoesNotStart(t *testing.T) {
	binary, err := envoys.Find()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		options envoys.Options
		want    string
	}{
		"a bad bootstrap, with Envoy's own words": {
			options: envoys.Options{Binary: binary, Bootstrap: []byte("no_such_field: 1")},
			want:    "no_such_field",
		},
		"no such binary": {
			options: envoys.Options{Binary: "/no/such/envoy", Bootstrap: []byte(echoBootstrap)},
			want:    "/no/such/envoy",
		},
		"a flag that Envoy does not have": {
			options: envoys.Options{Binary: binary, Bootstrap: []byte(echoBootstrap), Args: []string{"--no-such-flag"}},
			want:    "no-such-flag",
		},
	} {
		t.Run(name, func(t *testing.T) {
			tt.options.Name, tt.options.Dir = "bad", t.TempDir()
			envoy, err := envoys.Start(t.Context(), tt.options)
			if err == nil {
				_ = envoy.Stop() // the test fails already
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want it to say %q", err, tt.want)
			}
		})
	}
}

func TestStartEnvoyHeedsItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	envoy, err := startEcho(ctx, t.TempDir())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("started %v, error %v; want context.Canceled", envoy, err)
	}
}

func wantEcho(t *testing.T, envoy *envoys.Envoy) {
	t.Helper()
	addr, err := envoy.Addr()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.DialTimeout("tcp", addr, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Errorf("echoed %q, %v", got, err)
	}
}

// gone reports that the process has ended; a zombie that nobody reaps has.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}
