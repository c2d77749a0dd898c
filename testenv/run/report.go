package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"wildcard-egress/testenv"
)

// show makes all attempts, prints what came of them and the proxies' decisions,
// and returns an error if anything was not as it must be.
func show(ctx context.Context, w io.Writer, env *testenv.Env, unlisted string, shown *decisions) error {
	unexpected := 0
	requests, forgeries, way := articleRequests(unlisted), attacks, "sidecar"
	if env.Ztunnel != nil {
		requests, forgeries, way = ambientRequests, ambientAttacks, "ztunnel"
	}
	fmt.Fprintf(w, "\nThe article's requests, from the application through its %s:\n", way)
	n, err := table(ctx, w, env, requests)
	unexpected += n
	if err != nil {
		return err
	}

	before, err := env.Snapshot()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nAttacks, past the %s straight to the gateway:\n", way)
	if n, err = table(ctx, w, env, forgeries); err != nil {
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

	fmt.Fprintln(w, "\nThe decisions, from the access logs:")
	shown.heading()
	if err := shown.print(); err != nil {
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
