package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/internal/admin"
	"wildcard-egress/ui"
)

func newUICommand() *cobra.Command {
	var file policyFile
	var log, address, listen string
	c := &cobra.Command{
		Use:   "ui --log FILE [--admin HOST:PORT] POLICY",
		Short: "Show a page: decisions as they come, who was refused and why, and what would allow it",
		Long: `Show a page in the browser: decisions as they come, who was refused what and why,
whether something would be allowed, the policy that would allow what was refused,
and the policy. It reads the log's last 64 MiB and follows it when it is rotated.

It is for you, on this machine: it listens on a loopback address only, never writes,
and answers no other site's page. Who else is logged in here can read it too.`,
		Example: `  wildcard-egress ui --log /var/log/wildcard-egress/access.log --admin 127.0.0.1:9901 policy.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if at, err := netip.ParseAddrPort(listen); err != nil || !at.Addr().IsLoopback() {
				return fmt.Errorf("ui: --listen %q: want a port of 127.0.0.1 or [::1]; from elsewhere, ssh -L or kubectl port-forward", listen)
			}
			if log == "" || log == "-" || file == "-" {
				return errors.New("ui: --log and POLICY: name files; they are read again and again")
			}
			if _, err := file.read(cmd); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			config, err := uiConfig(cmd, string(file), log, address)
			if err != nil {
				return err
			}
			server, err := ui.New(ctx, config)
			if err != nil {
				return unreadable(err)
			}
			l, err := net.Listen("tcp", listen)
			if err != nil {
				return fmt.Errorf("ui: --listen: %w; choose another port, or 0 for any", err)
			}
			if _, err := fmt.Fprintf(cmd.OutOrStdout(), "http://%s\n", l.Addr()); err != nil {
				l.Close()
				return err
			}
			return server.Serve(ctx, l)
		},
	}
	c.Flags().StringVar(&log, "log", "", "the gateway's access log, a `FILE` (required)")
	c.Flags().StringVar(&address, "admin", "", "Envoy's admin interface, `HOST:PORT` or a URL; absent: it is not asked")
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8099", "where the page is, an `ADDRESS:PORT` of this machine; port 0: any")
	file.add(c, "POLICY")
	return c
}

func uiConfig(cmd *cobra.Command, policy, log, address string) (ui.Config, error) {
	config := ui.Config{Log: log, Policy: func() (text []byte, d *document.Document, err error) {
		name, text, err := readFile(cmd, policy)
		if err == nil {
			d, err = parsePolicy(name, text)
		}
		return text, d, err
	}}
	if address == "" {
		return config, nil
	}
	client, err := admin.New(address)
	if err == nil {
		config.Ask = client.Get
	}
	return config, err
}
