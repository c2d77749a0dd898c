package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/ztunnel"
)

// Readiness and metrics can be had from outside, and nothing else of the admin
// interface; a gateway without a policy is not ready, and is by itself when one
// comes.
func TestAmbientHealth(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: "version: 1\nrules: [", Ambient: true})
	get := func(path string) (int, string) {
		response, err := http.Get("http://" + env.HealthAddr + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	if status, body := get("/healthz/ready"); status != http.StatusServiceUnavailable {
		t.Errorf("without a policy: /healthz/ready is %d %q, want 503", status, body)
	}
	if status, body := get("/stats/prometheus"); status != http.StatusOK || !strings.Contains(body, "wildcard_egress_policy_stale") {
		t.Errorf("/stats/prometheus is %d, with the policy's metrics %v", status, strings.Contains(body, "wildcard_egress_policy_stale"))
	}
	if err := env.WritePolicy(wikipedia); err != nil {
		t.Fatal(err)
	}
	within(t, revokedWithin, func() error {
		if status, body := get("/healthz/ready"); status != http.StatusOK || body != "LIVE\n" {
			return fmt.Errorf("with a policy: /healthz/ready is %d %q, want 200 LIVE", status, body)
		}
		return nil
	})
	for _, path := range []string{"/", "/ready", "/config_dump", "/quitquitquit", "/stats", "/stats/prometheus/../../quitquitquit",
		"/healthz/ready/", "/healthz/ready/../../config_dump", "//config_dump", "/healthz", "/%68ealthz/ready"} {
		if status, body := get(path); status != http.StatusNotFound {
			t.Errorf("%s is %d %.80q, want 404", path, status, body)
		}
	}
	response, err := http.Post("http://"+env.HealthAddr+"/stats/prometheus", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	env.WantAlive(t)
}

// The port of readiness is anybody's: who says nothing there, or half a request,
// takes no file of the gateway's for long.
func TestAmbientHealthEndsWhoIsSilent(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, Ambient: true})
	for what, sent := range map[string]string{"nothing": "", "half a request": "GET /healthz/ready HTTP/1.1\r\nHost: a"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", env.HealthAddr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
			if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("still open: %v", err)
			}
		})
	}
}

// Who fills the places of those that wait keeps others out for a while, but takes no
// gateway out of its Service.
func TestAmbientGatewayThatIsFullIsReady(t *testing.T) {
	const waiting = 8
	env := testenv.Start(t, testenv.Options{Policy: generous + wikipedia, Ambient: true, GatewayFlags: []string{"--max-waiting", fmt.Sprint(waiting)}})
	silent := func(source byte) net.Conn {
		conn, err := net.Dial("tcp", env.GatewayAddr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		header := ztunnel.HeaderOf("spiffe://example.org/ns/shop/sa/web",
			netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, source}), 1), netip.MustParseAddrPort("240.250.88.1:443"))
		if _, err := conn.Write(header.Bytes()); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	for source := range byte(waiting) {
		silent(source)
	}
	for { // until one of another source is closed: then all places are taken
		conn := silent(waiting)
		_ = conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		_, err := conn.Read(make([]byte, 1))
		if conn.Close(); !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
	}
	response, err := http.Get("http://" + env.HealthAddr + "/healthz/ready")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("/healthz/ready is %d, want 200", response.StatusCode)
	}
}
