package testenv

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// render asks the built command for a bootstrap, as an operator does.
// TESTENV_DECISION_CACHE sets the gateways' decision cache, so that a whole suite
// can run without it.
func (e *Env) render(ctx context.Context, kind string, identity *tls.Certificate, log *AccessLog, flags ...string) ([]byte, error) {
	args := []string{
		"--policy", e.PolicyFile,
		"--listen", "127.0.0.1:0",
		"--admin", "127.0.0.1:0",
		"--access-log", log.path,
		"--dns-resolver", e.DNS.Addr(),
		"--upstream-port", strconv.Itoa(int(e.Upstream.Port())),
		"--address-guard", "off", // the sites are on loopback addresses
		"--envoy-version", e.envoyVersion[:strings.LastIndex(e.envoyVersion, ".")],
	}
	if n := os.Getenv("TESTENV_DECISION_CACHE"); n != "" && kind == "gateway" {
		args = append(args, "--decision-cache", n)
	}
	if !e.options.Plain {
		cert, key, err := WriteFiles(identity, e.Dir, kind)
		if err != nil {
			return nil, err
		}
		args = append(args, "--cert", cert, "--key", key, "--ca", e.meshCA)
	}
	return Render(ctx, kind, append(args, flags...)...)
}

// Render returns what `wildcard-egress bootstrap kind flags...` prints.
func Render(ctx context.Context, kind string, flags ...string) ([]byte, error) {
	dir, err := BuildDir()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, commandFile), append([]string{"bootstrap", kind}, flags...)...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("wildcard-egress bootstrap %s: %w: %s", kind, err, bytes.TrimSpace(problems.Bytes()))
	}
	return out, nil
}
