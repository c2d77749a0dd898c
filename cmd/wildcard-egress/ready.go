package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"wildcard-egress/preflight"
)

func newReadyCommand() *cobra.Command {
	var admin string
	var port uint16
	c := &cobra.Command{
		Use:   "ready [--admin HOST:PORT] [--port N]",
		Short: "Say whether a gateway can serve, for a Kubernetes probe",
		Long: `Say whether a gateway can serve: Envoy is up, its port is open, and the module has
a good policy. Envoy itself is ready without a policy, and without the module,
and then refuses every connection.

As a startupProbe it keeps a pod that starts with a broken policy, or without
the module, from getting traffic, and a rollout from taking the old pods away.
Once a policy is in force the module keeps the last good one, so there is no
need to ask again. It takes 4 s at most, which is below the timeout of the probe.

The exit status is 0 if it can serve, 1 with the reason if not, 2 for bad usage.`,
		Example: `  wildcard-egress ready --admin localhost:15000   # in a pod of Istio`,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ask, err := preflight.Admin(cmd.Context(), admin, preflight.ReadyWithin)
			if err != nil {
				return err
			}
			if err := preflight.Ready(ask, port); err != nil {
				fmt.Fprintln(cmd.OutOrStdout(), err)
				return errNegative
			}
			return nil
		},
	}
	c.Flags().SortFlags = false
	c.Flags().StringVar(&admin, "admin", defaultAdmin, "Envoy's admin interface, `HOST:PORT` or a URL")
	c.Flags().Uint16Var(&port, "port", 8443, "the gateway's listener, `N`")
	return c
}
