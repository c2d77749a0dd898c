// Command setup makes of the node that up has started a cluster with Istio, a
// resolver and sites outside, and runs a command in it:
//
//	setup COMMAND...
//
// The command has KUBECONFIG, the programs in its PATH, and SITES_CA, the file
// with the certificate that the sites' are signed by.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/cluster"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := setUp(ctx)
	if err == nil {
		err = run(ctx, "", os.Args[1], os.Args[2:]...)
	}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "setup:", err)
		os.Exit(1)
	}
}

var begin = time.Now()

func say(text string) { fmt.Fprintf(os.Stderr, "%7.2f s  %s\n", time.Since(begin).Seconds(), text) }

func setUp(ctx context.Context) error {
	say("starting a resolver and sites")
	authority, err := certs.NewAuthority("sites")
	if err != nil {
		return err
	}
	file, err := cluster.WriteAuthority(authority, os.Getenv("RUN"))
	if err != nil {
		return err
	}
	if err := os.Setenv("SITES_CA", file); err != nil {
		return err
	}
	if err := errors.Join(cluster.StartSites(authority), cluster.StartResolver(ctx)); err != nil {
		return err
	}
	images, err := cluster.Images(os.Getenv("CLUSTER_DIR"))
	if err != nil {
		return err
	}
	for _, image := range images {
		say("importing " + image.Name)
		archive, err := image.Archive()
		if err != nil {
			return err
		}
		if err := feed(ctx, archive, "ctr", "-a", os.Getenv("CONTAINERD"), "-n", "k8s.io", "images", "import", "-"); err != nil {
			return err
		}
	}
	return installIstio(ctx)
}

func installIstio(ctx context.Context) error {
	root, err := built.Root()
	if err != nil {
		return err
	}
	say("installing Istio")
	manifests, err := exec.CommandContext(ctx, "istioctl", "manifest", "generate", "-f", filepath.Join(root, "testenv/cluster/istio.yaml")).Output()
	if err != nil {
		return fmt.Errorf("istioctl manifest generate: %w", err)
	}
	if err := run(ctx, "/dev/null", "kubectl", "create", "namespace", "istio-system"); err != nil {
		return err
	}
	if err := feed(ctx, manifests, "kubectl", "apply", "--server-side", "-f", "-"); err != nil {
		// Kinds and their definitions came together: what was too early is applied again.
		if err := feed(ctx, manifests, "kubectl", "apply", "--server-side", "-f", "-"); err != nil {
			return err
		}
	}
	gateway := filepath.Join(os.Getenv("CLUSTER_DIR"), "share/gateway-api-crd.yaml")
	if err := run(ctx, "/dev/null", "kubectl", "apply", "--server-side", "-f", gateway); err != nil {
		return err
	}
	if err := run(ctx, "/dev/null", "kubectl", "-n", "istio-system", "rollout", "status", "deployment/istiod", "--timeout=5m"); err != nil {
		return errors.Join(err, run(ctx, "", "kubectl", "-n", "istio-system", "describe", "pods"))
	}
	say("Istio is ready")
	return nil
}

// run runs a command; what it prints goes to a file if one is named, and its
// errors to stderr.
func run(ctx context.Context, to, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if to != "" {
		cmd.Stdout = nil
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// feed runs a command with this input; its output is shown if it fails.
func feed(ctx context.Context, input []byte, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = bytes.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}
