package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"wildcard-egress/drain"
)

func newDrainCommand() *cobra.Command {
	var admin string
	var o drain.Options
	c := &cobra.Command{
		Use:   "drain [--admin HOST:PORT] [--port N] [--for TIME]",
		Short: "Let a gateway's connections end before it is stopped",
		Long: `Let a gateway's connections end before it is stopped: Envoy ends at SIGTERM with
all that is open. Of no use in Istio's proxies, whose agent does it.

The gateway is not ready from now on. It serves new connections for --grace, until
nobody is sent here any more, and then takes none. This command ends when no
connection is open, or after --for; the gateway goes on with what is open until it
is stopped. The rendered ambient set has it as the preStop hook.

The exit status is 0 if all have ended, 1 if some are left, 2 if Envoy can't be
asked.`,
		Example: `  wildcard-egress drain --for 30s && kill $ENVOY`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Grace < 0 || o.For < 0 {
				return fmt.Errorf("drain: --grace %v, --for %v: want 0 or more", o.Grace, o.For)
			}
			left, err := drain.Run(cmd.Context(), admin, o)
			if err == nil && left > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "%s still open\n", count(left, "connection"))
				return errNegative
			}
			return err
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&admin, "admin", defaultAdmin, "Envoy's admin interface, `HOST:PORT` or a URL")
	c.Flags().Uint16Var(&o.Port, "port", 8443, "the gateway's listener, `N`")
	c.Flags().DurationVar(&o.Grace, "grace", 5*time.Second, "serve new connections for so long, `TIME`")
	c.Flags().DurationVar(&o.For, "for", 5*time.Minute, "then wait for open connections at most so long, `TIME`")
	return c
}
