package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/logs"
)

// show makes all attempts, prints what came of them and the proxies' access
// logs, and returns an error if anything was not as it must be.
func show(ctx context.Context, w io.Writer, env *testenv.Env, unlisted string) error {
	unexpected := 0
	fmt.Fprintln(w, "\nThe article's requests, from the application through its sidecar:")
	n, err := table(ctx, w, env, articleRequests(unlisted))
	unexpected += n
	if err != nil {
		return err
	}

	before, err := env.Snapshot()
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nAttacks, past the sidecar straight to the gateway:")
	if n, err = table(ctx, w, env, attacks); err != nil {
		return err
	}
	unexpected += n
	change, err := env.Since(before)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "The attacks reached %d sites and made %d DNS queries.\n", change.Connections, len(change.Queries))
	if change.Connections != 0 || len(change.Queries) != 0 {
		unexpected++
	}

	if err := printLogs(w, env); err != nil {
		return err
	}
	if unexpected > 0 {
		return fmt.Errorf("%d of the results above are not as they must be", unexpected)
	}
	fmt.Fprintln(w, "\nAll as it must be.")
	return nil
}

// table makes the attempts and prints a line for each. It returns how many did
// not end as they must.
func table(ctx context.Context, w io.Writer, env *testenv.Env, attempts []attempt) (unexpected int, err error) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "  request\tresult\tanswered by\trule or reason\tthe client saw")
	for _, a := range attempts {
		if err := ctx.Err(); err != nil {
			return unexpected, err
		}
		got := a.try(env)
		result, saw := "refused", ""
		if got.site != "" {
			result = "answered"
		}
		if got.err != nil {
			saw = got.err.Error()
		}
		fmt.Fprintf(columns, "  %s\t%s\t%s\t%s\t%s\n", a.what, result, whereIs(env, got.site), got.why, saw)
		if !got.matches(a.want) {
			unexpected++
			fmt.Fprintf(columns, "    WRONG: want\t\t%s\t%s\t\n", whereIs(env, a.want.site), a.want.why)
		}
	}
	return unexpected, columns.Flush()
}

func whereIs(env *testenv.Env, name string) string {
	site := env.Upstream.Site(name)
	if site == nil {
		return "-"
	}
	return name + " on " + site.AddrPort().Addr().String()
}

func printLogs(w io.Writer, env *testenv.Env) error {
	for _, log := range []struct {
		of  string
		log *logs.Access
	}{{"gateway", env.GatewayLog}, {"sidecar", env.SidecarLog}} {
		lines, err := log.log.Read()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\nThe %s's access log:\n%s", log.of, lines)
	}
	return nil
}

// printInvitation tells how to go on by hand.
func printInvitation(w io.Writer, env *testenv.Env) error {
	authority, err := env.Upstream.Authority.WriteFile(env.Dir, "sites-ca")
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "\nTry it:")
	for _, name := range append(testenv.ArticleSites, "wikipedia.org") {
		fmt.Fprintf(w, "  curl -sS --cacert %s --connect-to ::%s https://%s/\n", authority, env.SidecarAddr, name)
	}
	fmt.Fprintf(w, "  tail -f %s %s\n", env.GatewayLog.Path(), env.SidecarLog.Path())
	fmt.Fprintf(w, "  curl -s 'http://%s/stats?filter=wildcard_egress'\n", env.Gateway.AdminAddr())
	fmt.Fprintln(w, "Ctrl-C ends it.")
	return nil
}
