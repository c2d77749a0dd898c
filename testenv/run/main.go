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
)

func main() {
	once := flag.Bool("once", false, "end after the requests, with status 0 if all went as it must")
	unlisted := flag.String("unlisted", "block", "what the sidecar does with hosts that the policy does not list: block or passthrough")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Stdout, *unlisted, !*once); err != nil {
		fmt.Fprintln(os.Stderr, "local run:", err)
		os.Exit(1)
	}
}

// run returns nil if every expectation held, also when a signal has ended it
// after that.
func run(ctx context.Context, w io.Writer, unlisted string, stay bool) (err error) {
	start := time.Now()
	root, err := built.Root()
	if err != nil {
		return err
	}
	policy, err := os.ReadFile(filepath.Join(root, "examples", "policy.yaml"))
	if err != nil {
		return err
	}
	progress := func(step string) { fmt.Fprintf(w, "%6.2f s  %s\n", time.Since(start).Seconds(), step) }
	env, err := testenv.New(ctx, testenv.Options{
		Policy:       string(policy),
		SidecarFlags: []string{"--unlisted", unlisted},
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
	progress("ready: the application's sidecar on " + env.SidecarAddr + ", the gateway on " + env.GatewayAddr)
	fmt.Fprintf(w, "\nexamples/policy.yaml:\n%s", policy)

	if err := show(ctx, w, env, unlisted); err != nil {
		return err
	}
	if !stay {
		return nil
	}
	if err := printInvitation(w, env); err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Fprintln(w)
	return nil
}
