package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"wildcard-egress/testenv"
)

func TestRunShowsTheGateway(t *testing.T) {
	for unlisted, third := range map[string]string{
		"block":       "refused   -                              sidecar: blocked",
		"passthrough": "answered  cloud.ibm.com on 127.0.0.4     sidecar: passthrough",
	} {
		t.Run(unlisted, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(t.Context(), &out, unlisted, false); err != nil {
				t.Errorf("%v; it printed:\n%s", err, out.String())
			}
			for _, want := range []string{
				"https://en.wikipedia.org/  answered  en.wikipedia.org on 127.0.0.2  rule wikipedia",
				"https://de.wikipedia.org/  answered  de.wikipedia.org on 127.0.0.3  rule wikipedia",
				"https://cloud.ibm.com/     " + third,
				"no client certificate  remote error: tls: certificate required",
				"The attacks reached 0 sites and made 0 DNS queries.",
				`"server_name":"en.wikipedia.org"`,
				"All as it must be.",
			} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, out.String())
				}
			}
		})
	}
}

func TestShowTellsWhatIsNotAsItMustBe(t *testing.T) {
	env := testenv.Start(t, testenv.Options{
		Policy: `{"version": 1, "rules": [{"name": "wikipedia", "hosts": ["*"]}]}`,
		Plain:  true,
	})
	var out bytes.Buffer
	err := show(t.Context(), &out, env, "block")
	const want = "5 of the results above are not as they must be" // the third request, all attacks, what they reached
	if err == nil || err.Error() != want || !strings.Contains(out.String(), "WRONG: want") || strings.Contains(out.String(), "All as") {
		t.Errorf("show = %v through an open gateway, want %q; it printed:\n%s", err, want, out.String())
	}
}

// interrupter presses Ctrl-C once the program says that it waits for it.
type interrupter struct {
	bytes.Buffer
	interrupt func()
}

func (i *interrupter) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("Ctrl-C ends it")) {
		i.interrupt()
	}
	return i.Buffer.Write(b)
}

func TestRunStaysUntilItIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &interrupter{interrupt: cancel}
	if err := run(ctx, out, "block", true); err != nil {
		t.Error(err)
	}
	if !strings.Contains(out.String(), "https://en.wikipedia.org/\n") || !strings.Contains(out.String(), "stopping everything") {
		t.Errorf("no curl command, or no orderly end, in:\n%s", out.String())
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, new(bytes.Buffer), "block", true); !errors.Is(err, context.Canceled) {
		t.Errorf("run = %v, want context.Canceled", err)
	}
}
