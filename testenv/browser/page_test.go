package browser

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"wildcard-egress/filter/clienthello/hellotest"
	"wildcard-egress/testenv"
	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/logs"
	"wildcard-egress/testenv/poll"
)

const (
	rules = `version: 1
rules:
  - name: wikipedia
    hosts: ["*.wikipedia.org"]
  - name: no-uploads
    action: deny
    hosts: [upload.wikipedia.org]
  - name: trial
    mode: shadow
    hosts: ["*.example.net"]
...
`
	// evil is a server name that would be a script, if the page took it for HTML.
	evil = `<img src=x onerror=document.title='owned'>`
	// patience is for a busy machine.
	patience = 60 * time.Second
)

// servePage starts the built command and returns the page's address.
func servePage(t *testing.T, env *testenv.Env) string {
	t.Helper()
	dir, err := built.Dir()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "wildcard-egress"), "ui", "--listen", "127.0.0.1:0",
		"--log", env.GatewayLog.Path(), "--admin", env.Gateway.AdminAddr(), env.PolicyFile)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the page's server: %v", err)
		}
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// open starts a browser.
func open(t *testing.T) context.Context {
	t.Helper()
	browser, err := exec.LookPath("chromium-headless-shell")
	if err != nil {
		browser, err = exec.LookPath("chromium")
	}
	if err != nil {
		t.Fatalf("%v; apt-get install chromium-headless-shell", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser),
		chromedp.NoSandbox, // as root, which the tests of the gateway need, it has none
		chromedp.WindowSize(1300, 1500))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// page is the page in a browser.
type page struct {
	ctx context.Context
	t   *testing.T
}

func (p page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, steps...); err != nil {
		p.t.Fatal(err)
	}
}

// wantText waits until an element's text has all the parts.
func (p page) wantText(selector string, parts ...string) {
	p.t.Helper()
	for _, part := range parts {
		poll.Want(p.t, func() error {
			text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf("document.querySelector(%q).innerText", selector)))
			if err != nil {
				return poll.Stop(err)
			}
			if !strings.Contains(text, part) {
				return fmt.Errorf("%s does not show %q:\n%s", selector, part, text)
			}
			return nil
		})
	}
}

// messages collects what the browser complains of, such as scripts that fail, or
// that the page's content policy keeps from running.
func (p page) messages() (complaints func() []string) {
	var mu sync.Mutex
	var all []string
	messages := chromedp.Console(p.ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Type == chromedp.ConsoleError || m.Type == chromedp.ConsoleException {
				mu.Lock()
				all = append(all, m.Text)
				mu.Unlock()
			}
		}
	}()
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func TestThePageInABrowser(t *testing.T) {
	env := testenv.Start(t, testenv.Options{WithoutSidecar: true, Policy: rules})
	get := func(name string) { _, _ = env.GetDirect(env.App(), name) } // allowed or not, it is in the log
	for _, name := range []string{"en.wikipedia.org", "de.wikipedia.org", "cloud.ibm.com", "cloud.ibm.com", "cloud.ibm.com",
		"api.stripe.com", "api.stripe.com", "upload.wikipedia.org", "www.example.net", "gone.wikipedia.org"} {
		get(name)
	}
	conn, err := env.DialGateway(env.App())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(hellotest.Whole(hellotest.Chrome(evil).Message())); err != nil {
		t.Fatal(err)
	}
	env.GatewayLog.WantEntry(t, logs.Named(evil))

	p := page{ctx: open(t), t: t}
	p.do(chromedp.Navigate("about:blank"))
	complaints := p.messages()
	p.do(chromedp.Navigate(servePage(t, env)))
	p.wantText("#gateway", "In force: this policy, 3 rules.")
	p.wantText("#refused", "cloud.ibm.com", "invalid_server_name", evil)
	p.wantText("#failed", "gone.wikipedia.org")
	p.wantText("#shadow", "www.example.net", "would allow, rule trial")
	p.wantText("#advice", "no rule allows it")
	p.wantText("#policy", "no-uploads")

	// Would this be allowed?
	p.do(chromedp.SendKeys(`#ask [name=server_name]`, "upload.wikipedia.org"), chromedp.Click("#ask button"))
	p.wantText("#explained", "upload.wikipedia.org: deny, by rule no-uploads, denied_by_rule")
	p.do(chromedp.Click(`#refused tbody tr`)) // the most frequent fills the box in
	p.wantText("#explained", "cloud.ibm.com: deny, no_rule")

	// What would allow it?
	p.do(chromedp.Click("#learn button"))
	p.wantText("#learned", `"cloud.ibm.com"  # 3 connections`, "api.stripe.com")

	// Decisions come while one looks.
	get("live.example.org")
	p.wantText("#decisions", "live.example.org", evil)

	title, err := chromedp.Run(p.ctx, chromedp.Title())
	if err != nil || title != "wildcard-egress" {
		t.Errorf("title %q, %v: a name was taken for a script", title, err)
	}
	images, err := chromedp.Run(p.ctx, chromedp.Evaluate[int](`document.querySelectorAll("main img").length`))
	if err != nil || images != 0 {
		t.Errorf("%d images, %v: a name was taken for HTML", images, err)
	}
	if all := complaints(); len(all) > 0 {
		t.Errorf("the browser complains: %q", all)
	}
	if file := os.Getenv("SCREENSHOT"); file != "" {
		picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
		if err == nil {
			err = os.WriteFile(file, picture, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
