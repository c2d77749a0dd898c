package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"wildcard-egress/testenv"
)

// often is how soon an edit and a connection are seen.
const often = 100 * time.Millisecond

// invite tells how to go on by hand.
func invite(w io.Writer, env *testenv.Env) error {
	authority, err := env.Upstream.Authority.WriteFile(env.Dir, "sites-ca")
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nNow you. The policy is live, in this copy:\n  %s\n", env.PolicyFile)
	fmt.Fprintln(w, "Edit it: add cloud.ibm.com to the hosts of a rule, or take *.wikipedia.org away. A mistake keeps the last good one.")
	fmt.Fprintln(w, "\nAsk as the application does:")
	for _, name := range append(testenv.ArticleSites, "wikipedia.org") {
		fmt.Fprintf(w, "  curl -sS --cacert %s --connect-to ::%s https://%s/\n", authority, env.SidecarAddr, name)
	}
	fmt.Fprintf(w, "\nThe logs, and the gateway's counters:\n  %s\n", env.GatewayLog.Path())
	if env.SidecarLog != nil {
		fmt.Fprintf(w, "  %s\n", env.SidecarLog.Path())
	}
	fmt.Fprintf(w, "  curl -s 'http://%s/stats?filter=wildcard_egress'\n", env.Gateway.AdminAddr())
	fmt.Fprintln(w, "\nEach connection has a line at its end. Ctrl-C ends it.")
	return nil
}

// stay invites to go on by hand, shows decisions, and follows the policy until
// ctx ends.
func stay(ctx context.Context, w io.Writer, env *testenv.Env, shown *decisions) error {
	last, err := os.ReadFile(env.PolicyFile) // before the invitation: whoever reads it may edit at once
	if err != nil {
		return err
	}
	if err := invite(w, env); err != nil {
		return err
	}
	shown.heading()
	for tick := time.NewTicker(often); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := shown.print(); err != nil {
			return err
		}
		// The gateway watches the file itself; the sidecar is rendered from it.
		policy, err := os.ReadFile(env.PolicyFile)
		if err != nil || bytes.Equal(policy, last) {
			continue // an editor may have it away for a moment
		}
		last = policy
		if err := env.UpdateSidecar(ctx); err != nil && ctx.Err() == nil {
			fmt.Fprintf(w, "  the edit has a mistake; the last good policy stays in force:\n    %s\n",
				strings.ReplaceAll(mistakes(err, env.PolicyFile), "\n", "\n    "))
			continue
		}
		fmt.Fprintln(w, "  your edit is in force: at the gateway, and, where there is one, for new hosts at the sidecar")
	}
}

// mistakes is what the command said, without how it was called.
func mistakes(err error, file string) string {
	text := err.Error()
	if i := strings.Index(text, file); i >= 0 {
		text = text[i:]
	}
	return strings.ReplaceAll(text, filepath.Dir(file)+string(filepath.Separator), "")
}
