package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/logs"
)

// denied is a name that no policy here allows.
const denied = "denied.test"

func TestRefusalInEachForm(t *testing.T) {
	for form, want := range map[string]struct {
		bytes []byte
		reset bool
	}{
		"alert": {bytes: []byte{21, 3, 3, 0, 2, 2, 112}},
		"close": {},
		"reset": {reset: true},
	} {
		t.Run(form, func(t *testing.T) {
			for _, plain := range []bool{false, true} {
				env := testenv.Start(t, testenv.Options{WithoutSidecar: true, Plain: plain,
					Policy: strings.Replace(wikipedia, "rules:", "defaults: {refusal: "+form+"}\nrules:", 1)})
				conn := dialGateway(t, env)
				if _, err := conn.Write(hello(denied)); err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(conn)
				if !bytes.Equal(got, want.bytes) || errors.Is(err, syscall.ECONNRESET) != want.reset || (err != nil) != want.reset {
					t.Errorf("plain %v: read % x, %v; want % x, reset %v", plain, got, err, want.bytes, want.reset)
				}
				env.WantStat(t, "wildcard_egress.denied.no_rule", 1)
				wantIdle(t, env)
			}
		})
	}
}

// javaClient opens a TLS session: arguments are port and server name.
const javaClient = `
import javax.net.ssl.*;
import java.util.List;
class Client {
	public static void main(String[] args) throws Exception {
		var socket = (SSLSocket) SSLSocketFactory.getDefault().createSocket("127.0.0.1", Integer.parseInt(args[0]));
		var parameters = socket.getSSLParameters();
		parameters.setServerNames(List.of(new SNIHostName(args[1])));
		socket.setSSLParameters(parameters);
		socket.startHandshake();
	}
}`

const pythonClient = `
import socket, ssl, sys
ssl.create_default_context().wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1]))), server_hostname=sys.argv[2])
`

// What a person sees who tries a host that is not allowed.
func TestClientsReportTheAlert(t *testing.T) {
	t.Parallel()
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Plain: true})
	_, port, err := net.SplitHostPort(env.GatewayAddr)
	if err != nil {
		t.Fatal(err)
	}
	java := filepath.Join(env.Dir, "Client.java")
	if err := os.WriteFile(java, []byte(javaClient), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		command  []string
		want     string
		optional bool
	}{
		{command: []string{"curl", "--silent", "--show-error", "--connect-to", "::" + env.GatewayAddr, "https://" + denied}, want: "unrecognized name"},
		{command: []string{"openssl", "s_client", "-connect", env.GatewayAddr, "-servername", denied}, want: "unrecognized name"},
		{command: []string{"python3", "-c", pythonClient, port, denied}, want: "UNRECOGNIZED_NAME"},
		{command: []string{"java", java, port, denied}, want: "unrecognized_name", optional: true},
	} {
		t.Run(tt.command[0], func(t *testing.T) {
			if _, err := exec.LookPath(tt.command[0]); err != nil && tt.optional {
				t.Logf("not tried: %v", err)
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			out, err := exec.CommandContext(ctx, tt.command[0], tt.command[1:]...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), tt.want) {
				t.Errorf("ended with %v and said\n%s\nwant %q", err, out, tt.want)
			}
		})
	}
	t.Run("Go", func(t *testing.T) {
		_, err := env.DialDirect(client.Outer{}, denied)
		if err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("the handshake ended with %v, want unrecognized name", err)
		}
	})
	wantIdle(t, env)
}

// The name in a certificate that nobody vouches for is not shown as the caller.
func TestRefusedCertificateGivesNoPrincipal(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true})
	conn, err := env.DialGateway(client.Outer{Certificate: env.Identities.Stranger})
	if err == nil { // TLS 1.3 clients hear of it later
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	if err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the outer session ended with %v, want an alert", err)
	}
	env.WantStat(t, "wildcard_egress.denied.handshake_failed", 1)
	entry := env.GatewayLog.WantEntry(t, func(e logs.Entry) bool { return e.Get("reason") == "handshake_failed" })
	if got := entry.Get("principal"); got != "" {
		t.Errorf("principal %q, want none", got)
	}
	for _, line := range gatewayLog(env) {
		if strings.Contains(line, "spiffe://") {
			t.Errorf("the log names a caller: %s", line)
		}
	}
	wantIdle(t, env)
}
