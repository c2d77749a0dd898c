package main

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/policy/servername"
)

// largestHello is the largest limit that a policy may set, in bytes.
const largestHello = 1 << 16

// inspection is one line of output. Its keys are always all there, in this
// order; what the bytes don't tell is empty, 0 or false.
type inspection struct {
	File        string   `json:"file"`
	Result      string   `json:"result"`
	ServerName  string   `json:"server_name"`
	Reason      string   `json:"reason"`
	RecordCount int      `json:"record_count"`
	HelloBytes  int      `json:"hello_bytes"`
	ECH         bool     `json:"ech"`
	ALPN        []string `json:"alpn"`
	TLSVersions []string `json:"tls_versions"`
}

const resultServerName = "server_name"

func newInspectCommand() *cobra.Command {
	var limit int
	var output outputFlag
	c := &cobra.Command{
		Use:   "inspect FILE...",
		Short: "Say what the gateway reads from a connection's first bytes",
		Long: `Say what the gateway reads from the first bytes of a connection; "-" is standard
input. The filter's own code reads them, and no more of a file than the filter
would. With -o json it is a line for each file:

  result        server_name     a ClientHello with a host name
                no_server_name  a ClientHello without one
                malformed       a ClientHello that the gateway refuses
                not_tls         something else
                incomplete      so far right, but the end is missing
  server_name   the name in canonical form: lower case, no trailing dot; with
                reason invalid_server_name, the start of what was sent, escaped
  reason        what exactly is wrong, in a word; empty with server_name.
                invalid_server_name (an IP address, say) and
                client_hello_too_large are malformed
  record_count  the TLS records that the hello has begun
  hello_bytes   the size of the handshake message as it announces it, its
                header included
  ech           an encrypted_client_hello extension, real or GREASE
  alpn          the protocols offered, in order
  tls_versions  the versions offered, in order, GREASE as a number; before
                TLS 1.3 only the highest is sent

The exit status is 0 when every result is server_name, 1 when one is not, and
2 when a file cannot be read.`,
		Example: `  wildcard-egress inspect hello.bin
  wildcard-egress inspect - < hello.bin`,
		Args: files("FILE..."),
		RunE: func(cmd *cobra.Command, files []string) error {
			if limit < 1 || limit > largestHello {
				return fmt.Errorf("inspect: --max-client-hello-bytes %d: want 1 to %d", limit, largestHello)
			}
			return inspectFiles(cmd.InOrStdin(), cmd.OutOrStdout(), files, limit, output)
		},
	}
	output.add(c)
	c.Flags().IntVar(&limit, "max-client-hello-bytes", clienthello.DefaultMaxBytes, "the policy's max_client_hello_bytes, `N`")
	return c
}

// inspectFiles prints a line for each file that can be read; the error names
// those that cannot, or is errNegative.
func inspectFiles(stdin io.Reader, out io.Writer, files []string, limit int, output outputFlag) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	var faults []error
	negative := false
	for _, file := range files {
		line, err := inspectFile(stdin, file, limit)
		if err != nil {
			faults = append(faults, fmt.Errorf("inspect: %w", plain(err)))
			continue
		}
		if output == asText {
			line.print(out)
		} else if err := encoder.Encode(line); err != nil {
			return err
		}
		negative = negative || line.Result != resultServerName
	}
	if negative && len(faults) == 0 {
		return errNegative
	}
	return errors.Join(faults...)
}

func inspectFile(stdin io.Reader, file string, limit int) (inspection, error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return inspection{}, unreadable(err)
		}
		defer f.Close()
		in = f
	}
	line, err := inspect(in, limit)
	line.File = file
	return line, err
}

// inspect reads from in what the parser needs, in pieces, and no further.
func inspect(in io.Reader, limit int) (inspection, error) {
	parser := clienthello.Parser{MaxBytes: limit}
	buffer := make([]byte, 32<<10)
	for first := true; ; first = false {
		n, err := in.Read(buffer)
		hello, verdict := parser.Feed(buffer[:n])
		if first {
			verdict = clienthello.Named(verdict, buffer[:n])
		}
		if !errors.Is(verdict, clienthello.ErrIncomplete) || errors.Is(err, io.EOF) {
			return describe(&parser, hello, verdict), nil
		}
		if err != nil {
			return inspection{}, err
		}
	}
}

// describe puts a parser's verdict into the words of the output.
func describe(parser *clienthello.Parser, hello clienthello.Hello, verdict error) inspection {
	line := inspection{
		Result: resultServerName, RecordCount: parser.Records(), HelloBytes: parser.HelloBytes(),
		ECH: hello.ECH, ALPN: []string{}, TLSVersions: []string{},
	}
	for _, protocol := range hello.Protocols() {
		line.ALPN = append(line.ALPN, printable(protocol))
	}
	for _, version := range hello.Versions() {
		line.TLSVersions = append(line.TLSVersions, tls.VersionName(version))
	}
	if verdict != nil {
		line.Result, line.Reason = resultOf(verdict)
		return line
	}
	name, err := servername.Parse(hello.ServerName)
	if err != nil {
		line.Result, line.Reason = "malformed", "invalid_server_name"
		name = printable(string(hello.ServerName[:min(len(hello.ServerName), 255)]))
	}
	line.ServerName = name
	return line
}

// resultOf returns the result and the reason for an error of the parser.
func resultOf(verdict error) (result, reason string) {
	var refusal *clienthello.Error
	if !errors.As(verdict, &refusal) {
		return "incomplete", "incomplete"
	}
	switch {
	case errors.Is(refusal.Kind, clienthello.ErrNotTLS):
		return "not_tls", refusal.Reason
	case errors.Is(refusal.Kind, clienthello.ErrNoServerName):
		return "no_server_name", refusal.Reason
	}
	return "malformed", refusal.Reason
}

// print says it for people: a line for what the gateway makes of the bytes, and
// one for what else a hello tells.
func (i inspection) print(out io.Writer) {
	switch {
	case i.Result == resultServerName:
		fmt.Fprintf(out, "%s: server name %s\n", i.File, i.ServerName)
	case i.ServerName != "":
		fmt.Fprintf(out, "%s: refused: %s, %s: %s\n", i.File, i.Result, i.Reason, i.ServerName)
	case i.Reason == i.Result:
		fmt.Fprintf(out, "%s: refused: %s\n", i.File, i.Result)
	default:
		fmt.Fprintf(out, "%s: refused: %s, %s\n", i.File, i.Result, i.Reason)
	}
	if i.RecordCount == 0 {
		return
	}
	fmt.Fprintf(out, "  %s in %s", count(i.HelloBytes, "byte"), count(i.RecordCount, "record"))
	if len(i.TLSVersions) > 0 {
		fmt.Fprintf(out, ", %s", strings.Join(i.TLSVersions, ", "))
	}
	if len(i.ALPN) > 0 {
		fmt.Fprintf(out, ", ALPN %s", strings.Join(i.ALPN, ", "))
	}
	if i.ECH {
		fmt.Fprint(out, ", encrypted_client_hello")
	}
	fmt.Fprintln(out)
}

// printable is text from the wire in ASCII, escaped as Go does it.
func printable(wire string) string {
	quoted := strconv.QuoteToASCII(wire)
	return quoted[1 : len(quoted)-1]
}
