package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"wildcard-egress/accesslog"
	"wildcard-egress/logs"
	"wildcard-egress/preflight"
)

// topFlags are what `logs top` can be told.
type topFlags struct {
	admin    string
	interval time.Duration
	times    uint32
	output   outputFlag
}

// topJSON is one look, a line of JSON.
type topJSON struct {
	Time    time.Time   `json:"time"`
	Seconds float64     `json:"seconds"` // since the look before
	Rates   []logs.Rate `json:"rates"`
}

func newLogsTopCommand() *cobra.Command {
	f := &topFlags{}
	c := &cobra.Command{
		Use:   "top [--admin HOST:PORT | FILE]",
		Short: "Show connections and refusals a second, by rule and reason, as they come",
		Long: `Show connections and refusals a second, by rule and reason, as they come. It
follows an access log, from now on and when it is rotated, - for standard input, or
asks Envoy's admin interface; with neither that at 127.0.0.1:9901. By rule it is of a
log, or of a gateway with metrics by rule; both count a connection at its end.

On a terminal it shows one screen until Ctrl-C. Else it writes a line for each
decision, rule and reason that had connections in the interval.`,
		Example: `  wildcard-egress logs top /var/log/wildcard-egress/access.log
  kubectl -n wildcard-egress logs -f deploy/wildcard-egress | wildcard-egress logs top -
  wildcard-egress logs top --admin 127.0.0.1:15000 -o json --times 10`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil // the admin interface is asked
			}
			return files("FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.interval < 100*time.Millisecond {
				return fmt.Errorf("top: --interval %v: want 100ms or more", f.interval)
			}
			if len(args) > 0 && cmd.Flags().Changed("admin") {
				return fmt.Errorf("top: --admin and a file: ask at one of them")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			look, err := f.source(ctx, cmd, args)
			if err != nil {
				return err
			}
			return f.run(ctx, cmd, look)
		},
	}
	c.Flags().StringVar(&f.admin, "admin", defaultAdmin, "Envoy's admin interface, `HOST:PORT` or a URL")
	c.Flags().DurationVar(&f.interval, "interval", time.Second, "look this often, a `TIME` such as 1s")
	c.Flags().Uint32Var(&f.times, "times", 0, "end after `N` looks; 0: when it is interrupted")
	f.output.add(c)
	return c
}

// askCountersTimeout is how long an answer may take.
const askCountersTimeout = 5 * time.Second

// look returns what was counted so far; io.EOF with it: there will be no more.
type look func() (logs.Counts, error)

func (f *topFlags) source(ctx context.Context, cmd *cobra.Command, args []string) (look, error) {
	if len(args) == 0 {
		return func() (logs.Counts, error) {
			ask, err := preflight.Admin(ctx, f.admin, askCountersTimeout)
			if err != nil {
				return nil, err
			}
			return askCounts(ask)
		}, nil
	}
	var in io.Reader = cmd.InOrStdin()
	if args[0] != "-" {
		tail, err := logs.OpenTail(ctx, args[0], 0)
		if err != nil {
			return nil, unreadable(err)
		}
		in = tail
	}
	var counter logs.Counter
	ended := make(chan error, 1)
	go func() {
		err := logs.Lines(in, func(kind accesslog.Kind, e *accesslog.Entry) {
			if kind == accesslog.OfGateway {
				counter.Add(e)
			}
		})
		if err == nil {
			err = io.EOF
		}
		ended <- err
	}()
	return func() (logs.Counts, error) {
		select {
		case err := <-ended:
			ended <- err
			return counter.Counts(), err
		default:
			return counter.Counts(), nil
		}
	}, nil
}

// askCounts asks for the counts by rule, and else for those by reason alone.
func askCounts(ask preflight.Ask) (logs.Counts, error) {
	text, err := ask(logs.AskRules)
	if err == nil {
		if counts := logs.ParseRules(text); len(counts) > 0 {
			return counts, nil
		}
		text, err = ask(logs.AskCounters)
	}
	if err != nil {
		return nil, err
	}
	counts := logs.ParseCounters(text)
	if len(counts) == 0 {
		return nil, fmt.Errorf("the admin interface has no counters of wildcard_egress: is that a gateway? preflight says more")
	}
	return counts, nil
}

func (f *topFlags) run(ctx context.Context, cmd *cobra.Command, look look) error {
	screen := newScreen(cmd.OutOrStdout(), f.output == asText)
	defer screen.restore()
	first, err := look()
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if errors.Is(err, io.EOF) {
		first = nil // a short input was read before the first look
	}
	before, at := first, time.Now()
	ticker := time.NewTicker(f.interval)
	defer ticker.Stop()
	for n := 1; ; n++ {
		if !errors.Is(err, io.EOF) {
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C:
			}
		}
		var now logs.Counts
		now, err = look()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		elapsed := time.Since(at)
		if fault := f.show(screen, topJSON{time.Now().UTC(), elapsed.Seconds(), logs.Rates(first, before, now, elapsed)}); fault != nil {
			return fault
		}
		before, at = now, time.Now()
		if n == int(f.times) || errors.Is(err, io.EOF) {
			return nil
		}
	}
}

// show writes one look: a screen, or lines.
func (f *topFlags) show(s *screen, t topJSON) error {
	if f.output == asJSON {
		return writeLine(s.out, t)
	}
	if s.file == nil {
		for _, r := range t.Rates {
			if r.PerSecond == 0 {
				continue
			}
			if _, err := fmt.Fprintf(s.out, "%s %8.1f/s %8d  %s\n", t.Time.Format(time.TimeOnly), r.PerSecond, r.Total, rateName(r)); err != nil {
				return err
			}
		}
		return nil
	}
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "per second\ttotal\tdecision\trule\treason\n")
	for _, r := range t.Rates {
		fmt.Fprintf(table, "%.1f\t%d\t%s\t%s\t%s\n", r.PerSecond, r.Total, cmp.Or(r.Decision, "-"), cmp.Or(r.Rule, "-"), cmp.Or(r.Reason, "-"))
	}
	table.Flush()
	var all, refused float64
	for _, r := range t.Rates {
		all += r.PerSecond
		if r.Decision == accesslog.Deny {
			refused += r.PerSecond
		}
	}
	head := fmt.Sprintf("%s UTC  %.1f connections/s, %.1f refused/s  (Ctrl-C ends)\n\n", t.Time.Format(time.DateTime), all, refused)
	return s.show(head + text.String())
}

func rateName(r logs.Rate) string {
	return fmt.Sprintf("%s rule=%s reason=%s", cmp.Or(r.Decision, "-"), cmp.Or(r.Rule, "-"), cmp.Or(r.Reason, "-"))
}
