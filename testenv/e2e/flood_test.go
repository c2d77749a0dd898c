package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"wildcard-egress/filter/clienthello/hellotest"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
)

// hostileNames are server names that would like to be a line of their own, a
// field of their own, or a screen's commands.
var hostileNames = []string{
	"a.test\r\n[2026-01-01 00:00:00.000][1][info] wildcard_egress: connection allowed",
	"a.test\n{\"decision\":\"allow\"}",
	"a.test\x00.wikipedia.org",
	"a.test reason=allowed rule=\"wikipedia\"",
	"\x1b[2J\x1b[31ma.test",
	"a.test\u2028b",
	`a.test\n","decision":"allow`,
	strings.Repeat("a", 4000) + ".test",
	strings.Repeat("\n", 255),
	"\xff\xfe\x80",
}

var logPrefix = regexp.MustCompile(`^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\]\[\d+\]\[\w+\]`)

func TestHostileNamesCannotBreakALine(t *testing.T) {
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Plain: true})
	for _, name := range hostileNames {
		conn := dialGateway(t, env)
		line := lineOf(t, env, conn)
		if _, err := conn.Write(hellotest.Whole(hellotest.Curl(name).Message())); err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(conn)
		entry := env.GatewayLog.WantEntry(t, line) // each line of it is JSON
		if shown := entry.Get("server_name"); len(shown) > 255 || strings.ContainsFunc(shown, unprintable) {
			t.Errorf("%.20q: access log has server_name %q", name, shown)
		}
		if got := entry.Get("reason"); got != "invalid_server_name" {
			t.Errorf("%.20q: reason %q, want invalid_server_name", name, got)
		}
	}
	refused := 0
	for _, line := range gatewayLog(env) {
		if !logPrefix.MatchString(line) || strings.ContainsFunc(line, unprintable) || strings.Contains(line, "connection allowed") && !strings.Contains(line, "connection refused") {
			t.Errorf("a line of the log that Envoy did not begin: %.200q", line)
		}
		if strings.Contains(line, "wildcard_egress: connection refused") {
			refused++
			if len(line) > 600 {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	}
	if refused != len(hostileNames) {
		t.Errorf("%d lines for %d refusals, want one each", refused, len(hostileNames))
	}
}

func unprintable(r rune) bool { return r < ' ' || r > '~' }

// gatewayLog returns the lines since the listener was there: Envoy's own lines
// about its start are many, and some are long.
func gatewayLog(env *testenv.Env) []string {
	text := env.Gateway.LogTail(64 << 20)
	_, text, _ = strings.Cut(text, "starting main dispatch loop\n")
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

var linesLeftOut = regexp.MustCompile(`lines_left_out=(\d+)`)

// A flood of refusals leaves few lines, and those tell of the others.
func TestFloodOfRefusalsLeavesFewLines(t *testing.T) {
	const flood = 2000
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Plain: true})
	begin := time.Now()
	failIfAny(t, "refusals failed", refusals(env, 0, flood))
	total := flood
	// The count comes with the next line, which a later refusal may write.
	for end := time.Now().Add(time.Minute); ; total++ {
		lines, leftOut := refusalLines(t, env)
		if lines+leftOut == total {
			most := 100 + int(time.Since(begin)/(100*time.Millisecond)) + 1
			t.Logf("%d refusals in %v: %d lines, which tell of %d more", total, time.Since(begin).Round(time.Millisecond), lines, leftOut)
			if lines > most {
				t.Errorf("%d lines for %d refusals, want %d at most", lines, total, most)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d lines that tell of %d more, for %d refusals", lines, leftOut, total)
		}
		failIfAny(t, "refusals failed", refusals(env, total, 1))
	}
	wantIdle(t, env)
}

// refusals has names first to first+n-1 refused.
func refusals(env *testenv.Env, first, n int) []error {
	template := hello("name-000000.denied.test")
	return inParallel(n, 16, func(i int) error {
		conn, err := env.DialGateway(client.Outer{})
		if err != nil {
			return err
		}
		defer conn.Close()
		name := fmt.Sprintf("name-%06d", first+i)
		if _, err := conn.Write(bytes.Replace(template, []byte("name-000000"), []byte(name), 1)); err != nil {
			return err
		}
		if got, err := io.ReadAll(conn); err != nil || len(got) != 7 {
			return fmt.Errorf("%s: read % x, %w; want an alert", name, got, err)
		}
		return nil
	})
}

func refusalLines(t *testing.T, env *testenv.Env) (lines, leftOut int) {
	t.Helper()
	for _, line := range gatewayLog(env) {
		if !strings.Contains(line, "wildcard_egress: connection refused") {
			continue
		}
		lines++
		if match := linesLeftOut.FindStringSubmatch(line); match != nil {
			n, err := strconv.Atoi(match[1])
			if err != nil {
				t.Fatal(err)
			}
			leftOut += n
		}
	}
	return lines, leftOut
}

// Names from the wire are in no metric: not one time series for all of them.
// WILDCARD_EGRESS_LONG tries 100,000.
func TestManyDistinctNamesAddNoTimeSeries(t *testing.T) {
	names := 5000
	if os.Getenv("WILDCARD_EGRESS_LONG") != "" {
		names = 100_000
	}
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Plain: true,
		GatewayArgs: []string{"--log-level", "warning"}})
	series := func() int {
		all, err := env.Gateway.Admin("/stats")
		if err != nil {
			t.Fatal(err)
		}
		return bytes.Count(all, []byte("\n"))
	}
	failIfAny(t, "refusals failed", refusals(env, 0, 1))
	before := series()
	failIfAny(t, "refusals failed", refusals(env, 1, names))
	env.WantStat(t, "wildcard_egress.denied.no_rule", int64(names+1))
	// Some come with their first event, such as that of a line left out.
	if after := series(); after > before+5 {
		t.Errorf("%d time series after %d names, want %d as after one", after, names, before)
	}
	env.DNS.WantNoQueries(t)
	wantIdle(t, env)
}
