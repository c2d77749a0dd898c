package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/poll"
)

func TestRunShowsTheGateway(t *testing.T) {
	for unlisted, third := range map[string]string{
		"block":       "refused   -                              sidecar: blocked",
		"passthrough": "answered  cloud.ibm.com on 127.0.0.4     sidecar: passthrough",
	} {
		t.Run(unlisted, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(t.Context(), &out, options{unlisted: unlisted, once: true}); err != nil {
				t.Errorf("%v; it printed:\n%s", err, out.String())
			}
			for _, want := range []string{
				"https://en.wikipedia.org/  answered  en.wikipedia.org on 127.0.0.2  rule wikipedia",
				"https://de.wikipedia.org/  answered  de.wikipedia.org on 127.0.0.3  rule wikipedia",
				"https://cloud.ibm.com/     " + third,
				"no client certificate  remote error: tls: certificate required",
				"The attacks reached 0 sites and made 0 DNS queries.",
				"  default/app     en.wikipedia.org          allow     rule wikipedia                      127.0.0.2:",
				"unknown         -                         deny      handshake_failed: peer did not return a certificate",
				"All as it must be.",
			} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, out.String())
				}
			}
		})
	}
}

func TestRunShowsTheAmbientGateway(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, options{dataPlane: "ambient", unlisted: "block", once: true}); err != nil {
		t.Errorf("%v; it printed:\n%s", err, out.String())
	}
	for _, want := range []string{
		"https://en.wikipedia.org/  answered  en.wikipedia.org on 127.0.0.2  rule wikipedia",
		"https://cloud.ibm.com/     refused",
		"The attacks reached 0 sites and made 0 DNS queries.",
		"All as it must be.",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestShowTellsWhatIsNotAsItMustBe(t *testing.T) {
	env := testenv.Start(t, testenv.Options{
		Policy: `{"version": 1, "rules": [{"name": "wikipedia", "hosts": ["*"]}]}`,
		Plain:  true,
	})
	var out bytes.Buffer
	err := show(t.Context(), &out, env, "block", &decisions{w: &out, env: env, seen: map[*logs.Access]int{}})
	const want = "5 of the results above are not as they must be" // the third request, all attacks, what they reached
	if err == nil || err.Error() != want || !strings.Contains(out.String(), "WRONG: want") || strings.Contains(out.String(), "All as") {
		t.Errorf("show = %v through an open gateway, want %q; it printed:\n%s", err, want, out.String())
	}
}

func TestRunShowsWholeLinesWithTheTimeFirst(t *testing.T) {
	var out bytes.Buffer
	if err := run(t.Context(), &out, options{unlisted: "block", once: true, verbose: true}); err != nil {
		t.Error(err)
	}
	lines := 0
	for line := range strings.Lines(out.String()) {
		if !strings.HasPrefix(line, "  {") {
			continue
		}
		lines++
		if !json.Valid([]byte(line)) || !strings.HasPrefix(line, `  {"time":"`) {
			t.Errorf("no JSON whose first key is time: %s", line)
		}
	}
	if lines != 8 { // six at the gateway's end or the sidecar's, two of them at both
		t.Errorf("%d lines, want 8", lines)
	}
}

// person reads what the program prints, and does each of these steps once, in
// their order, when it has read the step's words.
type person struct {
	steps []step
	acts  sync.WaitGroup

	mu   sync.Mutex
	text bytes.Buffer
}

type step struct {
	words string
	do    func(text string)
}

func (p *person) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Write(b)
	for len(p.steps) > 0 && strings.Contains(p.text.String(), p.steps[0].words) {
		do, text := p.steps[0].do, p.text.String()
		p.steps = p.steps[1:]
		p.acts.Go(func() { do(text) })
	}
	return len(b), nil
}

func (p *person) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

var policyPath = regexp.MustCompile(`(?m)^  (/.*/policy\.yaml)$`)

func TestRunFollowsEditsOfThePolicyUntilItIsInterrupted(t *testing.T) {
	ctx, interrupt := context.WithTimeout(t.Context(), 5*time.Minute)
	defer interrupt()
	write := func(text, policy string) { // by rename: half a policy is a mistake, too
		file := policyPath.FindStringSubmatch(text)[1]
		if err := errors.Join(os.WriteFile(file+".next", []byte(policy), 0o600), os.Rename(file+".next", file)); err != nil {
			t.Error(err)
		}
	}
	out := &person{steps: []step{
		{"Ctrl-C ends it", func(text string) { write(text, "version: 1\nrules: [{name: cloud, hosts: [cloud.ibm.com]}]\n...\n") }},
		{"your edit is in force", func(text string) { write(text, "version: 1\nrules: [{name: cloud, hosts: ['*.']}]\n...\n") }},
		{"the edit has a mistake", func(text string) { askByCurl(ctx, t, text, "cloud.ibm.com") }},
		{"allow     rule cloud", func(string) { interrupt() }},
	}}
	if err := run(ctx, out, options{unlisted: "block"}); err != nil {
		t.Error(err)
	}
	out.acts.Wait()
	for _, want := range []string{`    policy.yaml:2:`, "allow     rule cloud", "stopping everything"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

// askByCurl does what the invitation says, until a site answers or ctx ends.
func askByCurl(ctx context.Context, t *testing.T, text, name string) {
	t.Helper()
	command := regexp.MustCompile(`(?m)^  (curl .* https://` + name + `/)$`).FindStringSubmatch(text)[1]
	if err := poll.Until(ctx, func() error {
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		if err == nil && strings.TrimSpace(string(out)) != name {
			err = fmt.Errorf("%s answered", out)
		}
		return err
	}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v", command, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, new(bytes.Buffer), options{unlisted: "block"}); !errors.Is(err, context.Canceled) {
		t.Errorf("run = %v, want context.Canceled", err)
	}
}
