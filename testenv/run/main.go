// Command run shows the gateway at work on this machine, without any network:
// the Istio article's three requests through a sidecar and the gateway, and
// attacks that must fail. `make run` starts it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/logs"
)

func main() {
	once := flag.Bool("once", false, "end after the requests, with status 0 if all went as it must")
	unlisted := flag.String("unlisted", "block", "what the sidecar does with hosts that the policy does not list: block or passthrough")
	dataPlane := flag.String("data-plane", "sidecar", "what carries connections to the gateway: sidecar or ambient")
	verbose := flag.Bool("v", false, "show whole access log lines, in JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Stdout, options{unlisted: *unlisted, dataPlane: *dataPlane, once: *once, verbose: *verbose}); err != nil {
		fmt.Fprintln(os.Stderr, "local run:", err)
		os.Exit(1)
	}
}

type options struct {
	unlisted  string // block or passthrough
	dataPlane string // sidecar or ambient
	once      bool   // end after the requests
	verbose   bool
}

// run returns nil if every expectation held, also when a signal has ended it
// after that.
func run(ctx context.Context, w io.Writer, o options) (err error) {
	start := time.Now()
	ambient := o.dataPlane == "ambient"
	if !ambient && o.dataPlane != "" && o.dataPlane != "sidecar" {
		return fmt.Errorf("DATA_PLANE=%s: want sidecar or ambient", o.dataPlane)
	}
	root, err := built.Root()
	if err != nil {
		return err
	}
	policy, err := os.ReadFile(filepath.Join(root, "examples", "policy.yaml"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "wildcard-egress-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	progress := func(step string) { fmt.Fprintf(w, "%6.2f s  %s\n", time.Since(start).Seconds(), step) }
	env, err := testenv.New(ctx, testenv.Options{
		Policy:       string(policy),
		Dir:          dir,
		Ambient:      ambient,
		SidecarFlags: []string{"--unlisted", o.unlisted, "--lds", filepath.Join(dir, "sidecar.listeners.yaml")},
		Progress:     progress,
	})
	if err != nil {
		return err
	}
	defer func() {
		progress("stopping everything")
		if closeErr := env.Close(); err == nil {
			err = closeErr
		}
	}()
	way := "sidecar"
	if ambient {
		way = "ztunnel"
	}
	progress("ready: the application's " + way + " on " + env.SidecarAddr + ", the gateway on " + env.GatewayAddr)
	fmt.Fprintf(w, "\nexamples/policy.yaml:\n%s", policy)

	shown := &decisions{w: w, verbose: o.verbose, env: env, seen: map[*logs.Access]int{}}
	if err := show(ctx, w, env, o.unlisted, shown); err != nil || o.once {
		return err
	}
	if err := stay(ctx, w, env, shown); err != nil {
		return err
	}
	fmt.Fprintln(w)
	return nil
}
