package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/document"
)

// explanationJSON is a analysis.Explanation in the words of the access log.
type explanationJSON struct {
	ServerName string `json:"server_name"`
	Principal  string `json:"principal"`
	Port       uint16 `json:"port"`
	decisionJSON
	Error  string               `json:"error"`
	Others []analysis.OtherRule `json:"others"`
}

func newExplainCommand() *cobra.Command {
	var output outputFlag
	var file policyFile
	var r policy.Request
	c := &cobra.Command{
		Use:   "explain --server-name NAME POLICY",
		Short: "Say how a policy decides about one connection, and why",
		Long: `Say how a policy decides about one connection: decision, rule, reason, and why
the nearest other rules don't decide.

The exit status is 0 for allow, 1 for deny, and 2 when the policy cannot be
read or has mistakes.`,
		Example: `  wildcard-egress explain --server-name en.wikipedia.org policy.yaml
  wildcard-egress explain --server-name api.stripe.com --port 8443 \
    --principal spiffe://cluster.local/ns/payments/sa/api policy.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("server-name") {
				return fmt.Errorf("explain: --server-name: give the name that the client asks for")
			}
			if r.Principal != "" && document.SPIFFEIDFault(r.Principal) != "" {
				return fmt.Errorf("explain: --principal %q: %s", r.Principal, document.SPIFFEIDFault(r.Principal))
			}
			d, err := file.read(cmd)
			if err != nil {
				return err
			}
			e := analysis.Explain(d, r)
			err = output.print(cmd.OutOrStdout(), explanation(e), func(out io.Writer) { printExplanation(out, string(file), e) })
			if err == nil && e.Decision.Action != policy.Allow {
				return errNegative
			}
			return err
		},
	}
	c.Flags().StringVar(&r.ServerName, "server-name", "", "the `NAME` in the ClientHello (required)")
	c.Flags().StringVar(&r.Principal, "principal", "", "the client certificate's URI SAN, a SPIFFE `ID`; absent: unknown")
	c.Flags().Uint16Var(&r.Port, "port", 0, "the port that the client asked for, `N`; absent: not told")
	file.add(c, "POLICY")
	output.add(c)
	return c
}

func explanation(e analysis.Explanation) explanationJSON {
	out := explanationJSON{
		ServerName: e.Request.ServerName, Principal: e.Request.Principal, Port: e.Request.Port,
		decisionJSON: toJSON(e.Decision), Others: append([]analysis.OtherRule{}, e.Others...),
	}
	if e.Err != nil {
		out.Error = e.Err.Error()
	}
	return out
}

func printExplanation(out io.Writer, file string, e analysis.Explanation) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(table, "%s\t%s\n", name, value)
		}
	}
	d := toJSON(e.Decision)
	row("decision", d.Decision)
	row("rule", d.Rule)
	row("reason", string(d.Reason))
	row("server_name", strconv.Quote(e.Request.ServerName))
	row("principal", orUnknown(e.Request.Principal))
	row("port", orUnknown(number(e.Request.Port)))
	row("upstream_port", number(d.UpstreamPort))
	if d.CloseOnRevoke {
		row("on_revoke", "close")
	}
	if l := e.Decision.Limits; l != nil {
		row("limits per_caller", l.PerCaller.String())
		row("limits total", l.Total.String())
		if l.Duration != 0 {
			row("limits duration", l.Duration.String())
		}
		row("limits mode", l.Mode.String())
	}
	row("shadow_decision", d.ShadowDecision)
	row("shadow_rule", d.ShadowRule)
	if e.Err != nil {
		row("error", e.Err.Error())
	}
	table.Flush()
	if len(e.Others) > 0 {
		fmt.Fprintln(out, "other rules:")
	}
	for _, o := range e.Others {
		fmt.Fprintf(out, "  %s (%s:%d): %s\n", o.Rule, file, o.Line, o.Why)
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// number is a port in digits, empty for 0.
func number(port uint16) string {
	if port == 0 {
		return ""
	}
	return strconv.Itoa(int(port))
}
