package e2e_test

import (
	"fmt"
	"net"
	"strconv"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/poll"
)

const linesLeftOutCounter = "wildcard_egress.log_lines_left_out"

// Whoever is refused, or just resets, has few lines in the access log; those tell
// of the others. What is let through has a line always.
func TestAFloodLeavesFewLinesInTheAccessLog(t *testing.T) {
	const flood, allowed, atOnce = 1500, 20, 50
	for name, tt := range map[string]struct {
		plain bool
		flood func(env *testenv.Env, first, n int) []error
	}{
		"refusals":                     {plain: true, flood: refusals},
		"resets without a certificate": {flood: resets},
	} {
		for _, limit := range []string{"5", "unlimited"} {
			t.Run(name+", "+limit, func(t *testing.T) {
				env := testenv.Start(t, testenv.Options{WithoutSidecar: true, Plain: tt.plain,
					Policy:       "version: 1\ndefaults: {logged_refusals_per_second: " + limit + "}\nrules: [{name: wikipedia, hosts: ['*.wikipedia.org']}]\n",
					GatewayFlags: []string{"--max-waiting", "20000"}})
				others := make(chan []error)
				go func() {
					others <- inParallel(allowed, 2, func(int) error {
						_, err := env.GetDirect(env.App(), "en.wikipedia.org")
						return err
					})
				}()
				begin := time.Now()
				failIfAny(t, "of the flood failed", tt.flood(env, 0, flood))
				took := time.Since(begin)
				failIfAny(t, "other connections failed", <-others)
				lines, total := wantAllAccountedFor(t, env, flood, allowed, tt.flood)
				content, err := env.GatewayLog.Read()
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%.0f a second leave %d lines, %.1f KB/s", flood/took.Seconds(), lines, float64(len(content))/1000/took.Seconds())
				most := allowed + atOnce + 5*int(time.Since(begin)/time.Second+1)
				if lines > most && limit != "unlimited" {
					t.Errorf("%d lines, want %d at most", lines, most)
				}
				if lines < total && limit == "unlimited" {
					t.Errorf("%d lines for %d connections, want one for each", lines, total)
				}
				wantIdle(t, env)
			})
		}
	}
}

// wantAllAccountedFor waits until the log has a line for all that were let through,
// and tells of all that were not, and returns how many lines and connections there
// are. The count comes with a later line: there is one more of the flood now and then.
func wantAllAccountedFor(t *testing.T, env *testenv.Env, flood, allowed int, one func(*testenv.Env, int, int) []error) (lines, total int) {
	t.Helper()
	err := poll.For(time.Minute, func() error {
		entries, err := env.GatewayLog.Entries()
		if err != nil {
			return poll.Stop(err)
		}
		lines = len(entries)
		through, told := 0, 0
		for _, e := range entries {
			if e.Get("decision") == "allow" {
				through++
			}
			if n := e.Get("lines_left_out"); n != "" {
				count, err := strconv.Atoi(n)
				if err != nil {
					return poll.Stop(err)
				}
				told += count
			}
		}
		if through == allowed && lines-through+told == flood {
			return nil
		}
		if errs := one(env, flood, 1); len(errs) > 0 {
			return poll.Stop(errs[0])
		}
		flood++
		return fmt.Errorf("%d lines of what was let through, %d of others that tell of %d more; want %d, and %d in all",
			through, lines-through, told, allowed, flood-1)
	})
	if err != nil {
		t.Fatal(err)
	}
	// Envoy's counter is raised by the next connection that gets past the listener's filters.
	if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
		t.Fatal(err)
	}
	// What was counted before it was let through is taken back from the next.
	counted, err := env.Gateway.Stat(linesLeftOutCounter)
	if want := int64(flood + allowed - lines); err != nil || counted < want || counted > want+int64(allowed) {
		t.Errorf("%s is %d, %v; want %d", linesLeftOutCounter, counted, err, want)
	}
	return lines, flood + allowed
}

// resets are connections that say nothing and end with RST.
func resets(env *testenv.Env, _, n int) []error {
	return inParallel(n, 16, func(int) error {
		conn, err := net.Dial("tcp", env.GatewayAddr)
		if err != nil {
			return err
		}
		_ = conn.(*net.TCPConn).SetLinger(0)
		return conn.Close()
	})
}

// leavesLinesOut is a trial of the callbacks: of 15 resets ten have lines at once,
// and who is let through has one.
func leavesLinesOut(t *testing.T, _ *testenv.Env) {
	t.Helper()
	env := testenv.Start(t, testenv.Options{WithoutSidecar: true,
		Policy: "version: 1\ndefaults: {logged_refusals_per_second: 1}\nrules: [{name: wikipedia, hosts: ['*.wikipedia.org']}]\n"})
	failIfAny(t, "resets failed", resets(env, 0, 15))
	if _, err := env.GetDirect(env.App(), "en.wikipedia.org"); err != nil {
		t.Fatal(err)
	}
	if lines, total := wantAllAccountedFor(t, env, 15, 1, resets); lines >= total {
		t.Errorf("%d lines for %d connections, want fewer", lines, total)
	}
}
