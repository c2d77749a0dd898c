package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"wildcard-egress/preflight"
)

// newInPodCommand is what preflight runs in a pod that has neither a shell nor
// Istio's agent.
func newInPodCommand() *cobra.Command {
	var admin string
	c := &cobra.Command{
		Use:    preflight.InPod + " get PATH | lookup NAME",
		Short:  "Ask Envoy's admin interface or the resolver of this pod, for preflight",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%s: want get PATH, or lookup NAME", preflight.InPod)
			}
			switch args[0] {
			case preflight.PodGet:
				ask, err := preflight.Admin(cmd.Context(), admin, preflight.InspectWithin)
				if err != nil {
					return err
				}
				body, err := ask("/" + strings.TrimPrefix(args[1], "/"))
				if err != nil {
					return err
				}
				_, err = cmd.OutOrStdout().Write(body)
				return err
			case preflight.PodLookup:
				all, err := preflight.LookupHere(cmd.Context())(args[1])
				for _, a := range all {
					fmt.Fprintln(cmd.OutOrStdout(), a)
				}
				return err
			}
			return fmt.Errorf("%s %q: want get PATH, or lookup NAME", preflight.InPod, args[0])
		},
	}
	c.Flags().StringVar(&admin, "admin", "127.0.0.1:15000", "Envoy's admin interface, `HOST:PORT` or a URL")
	return c
}
