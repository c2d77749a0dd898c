// Command bench measures what a connection through the gateway costs, beside
// the chain that it replaces and beside the least that any gateway can cost.
// `make bench` starts it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
)

func main() {
	everything := flag.Bool("full", false, "measure everything, in up to 30 minutes instead of 3")
	only := flag.String("only", "", "measure these alone, a comma-separated `list` of "+strings.Join(experimentNames(), ", "))
	proxies := flag.String("proxies", "", "compare these, a comma-separated `list`; floor and legacy are what ratios refer to")
	out := flag.String("out", filepath.Join("build", "benchmarks"), "write benchmarks.md and its charts to `DIR`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	debug.SetGCPercent(800) // the client's collector runs on the same cores

	r := &run{plan: shortPlan, progress: os.Stderr}
	if *everything {
		r.plan = fullPlan
	}
	if *proxies != "" {
		r.plan.proxies = strings.Split(*proxies, ",")
	}
	var chosen []string
	if *only != "" {
		chosen = strings.Split(*only, ",")
	}
	err := os.MkdirAll(*out, 0o755) // a mistake is better seen before the work
	if err == nil {
		err = r.all(ctx, chosen)
	}
	if err == nil {
		err = r.report(*out)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted; all is stopped, no page is written")
		}
		fmt.Fprintln(os.Stderr, "bench:", err)
		fmt.Print(r.figures.markdown(nil)) // what was measured until then
		os.Exit(1)
	}
	fmt.Print(r.figures.markdown(nil), "\n", r.figures.barTable())
	r.say("written to %s", filepath.Join(*out, "benchmarks.md"))
}
