package ui

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/internal/testfile"
	"wildcard-egress/logs"
)

const (
	refused = `{"bytes_received":0,"bytes_sent":0,"decision":"deny","downstream_remote_address":"10.0.0.7:1","duration":1,` +
		`"principal":"spiffe://cluster.local/ns/shop/sa/web","reason":"no_rule","requested_server_name":"outbound_.443_._.x",` +
		`"response_flags":"-","server_name":"NAME","time":"2026-11-26T05:53:57.597Z"}` + "\n"
	wikipedia = "version: 1\nrules:\n- {name: wikipedia, hosts: ['*.wikipedia.org']}\n"
)

// page is a served page about a log.
type page struct {
	server                 *Server
	url, host, log, policy string
}

func serve(t *testing.T) page {
	t.Helper()
	dir := t.TempDir()
	p := page{log: filepath.Join(dir, "access.log"), policy: filepath.Join(dir, "policy.yaml")}
	testfile.Append(t, p.policy, wikipedia)
	testfile.Append(t, p.log, "[2026-11-26][info] starting\n"+strings.ReplaceAll(refused+refused, "NAME", "api.example.com"))
	s, err := New(t.Context(), Config{Log: p.log, Policy: func() ([]byte, *document.Document, error) {
		text, err := os.ReadFile(p.policy)
		if err != nil {
			return nil, nil, err
		}
		d, err := document.Parse(p.policy, text)
		return text, d, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(t.Context(), l) }() // until the test ends
	p.server, p.host = s, l.Addr().String()
	p.url = "http://" + p.host
	return p
}

func (p page) ask(t *testing.T, method, path string, header map[string]string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if r.Header.Set(name, value); name == "Host" {
			r.Host = value
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestOnlyTheOwnPageIsAnswered(t *testing.T) {
	p := serve(t)
	port := p.host[strings.LastIndex(p.host, ":"):]
	for name, tt := range map[string]struct {
		method, path string
		header       map[string]string
		want         int
	}{
		"by address":               {"GET", "/", nil, 200},
		"by localhost":             {"GET", "/api/policy", map[string]string{"Host": "localhost" + port}, 200},
		"by a name that rebinds":   {"GET", "/api/policy", map[string]string{"Host": "evil.test" + port}, 421},
		"through ssh -L":           {"GET", "/", map[string]string{"Host": "127.0.0.1:1"}, 200},
		"by another loopback":      {"GET", "/", map[string]string{"Host": "127.0.0.2" + port}, 200},
		"by IPv6":                  {"GET", "/", map[string]string{"Host": "[::1]"}, 200},
		"by an address of others":  {"GET", "/", map[string]string{"Host": "10.0.0.1" + port}, 421},
		"by no name":               {"GET", "/", map[string]string{"Host": port}, 421},
		"by a look-alike":          {"GET", "/", map[string]string{"Host": "localhost.evil.test" + port}, 421},
		"from its own script":      {"GET", "/api/summary", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		"from another site":        {"GET", "/api/summary", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"from another port":        {"GET", "/api/events", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"from another origin":      {"GET", "/api/summary", map[string]string{"Origin": "http://evil.test"}, 403},
		"by a link of another":     {"GET", "/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200},
		"a link to an answer":      {"GET", "/api/policy", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403},
		"a write":                  {"POST", "/api/policy", nil, 405},
		"a preflight of CORS":      {"OPTIONS", "/api/policy", map[string]string{"Origin": "http://evil.test"}, 405},
		"a file beyond its own":    {"GET", "/../ui.go", nil, 404},
		"a port that is none":      {"GET", "/api/explain?server_name=a.b&port=x", nil, 400},
		"a caller that is none":    {"GET", "/api/learn?caller=shop", nil, 400},
		"a count that is no count": {"GET", "/api/learn?min_count=0", nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			response, _ := p.ask(t, tt.method, tt.path, tt.header)
			if response.StatusCode != tt.want {
				t.Errorf("status %d, want %d", response.StatusCode, tt.want)
			}
			if response.Header.Get("Content-Security-Policy") != policyOfContent || response.Header.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers: %v", response.Header)
			}
			for name := range response.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("header %s lets other sites read it", name)
				}
			}
		})
	}
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	s := &Server{}
	l, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(t.Context(), l); !errors.Is(err, errNotLoopback) {
		t.Errorf("error %v", err)
	}
}

func TestThePageAnswers(t *testing.T) {
	p := serve(t)
	answer := func(path string, into any) {
		t.Helper()
		response, body := p.ask(t, "GET", path, nil)
		if err := json.Unmarshal([]byte(body), into); err != nil || response.StatusCode != 200 {
			t.Fatalf("%s: %d %v: %s", path, response.StatusCode, err, body)
		}
	}
	var explained explainAnswer
	answer("/api/explain?server_name=EN.wikipedia.org&port=443", &explained)
	if explained.Decision != "allow" || explained.Rule != "wikipedia" || explained.ServerName != "en.wikipedia.org" || explained.Port != 443 {
		t.Errorf("explained %+v", explained)
	}
	answer("/api/explain?server_name=127.0.0.1", &explained)
	if explained.Decision != "deny" || explained.Error == "" {
		t.Errorf("explained %+v", explained)
	}
	var learned logs.Learned
	answer("/api/learn?caller=spiffe://*/ns/shop/sa/*", &learned)
	if !strings.Contains(learned.Policy, `"api.example.com"  # 2 connections`) {
		t.Errorf("learned %+v", learned)
	}
	var policy policyAnswer
	answer("/api/policy", &policy)
	if policy.Text != wikipedia || policy.Rules != 1 || policy.Error != "" {
		t.Errorf("policy %+v", policy)
	}
	testfile.Append(t, p.policy, "nonsense: 1\n") // what is asked goes by the file of now
	answer("/api/policy", &policy)
	if !strings.Contains(policy.Error, "nonsense") {
		t.Errorf("policy %+v", policy)
	}
	if response, body := p.ask(t, "GET", "/api/explain?server_name=a.b", nil); response.StatusCode != 409 || !strings.Contains(body, "nonsense") {
		t.Errorf("explain with a broken policy: %d %s", response.StatusCode, body)
	}
}

// stuck is the answer to a client that reads nothing until it is let go.
type stuck struct {
	http.ResponseWriter
	writes, letGo chan struct{}
}

func (s stuck) Write(b []byte) (int, error) {
	close(s.writes)
	<-s.letGo
	return len(b), nil
}

func TestAClientThatDoesNotReadKeepsNoOtherWaiting(t *testing.T) {
	p := serve(t)
	question := func() *http.Request {
		r := httptest.NewRequest("GET", "/api/explain?server_name=en.wikipedia.org", nil)
		r.Host = "127.0.0.1:1"
		return r
	}
	first := stuck{httptest.NewRecorder(), make(chan struct{}), make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		p.server.Handler().ServeHTTP(first, question())
		close(ended)
	}()
	<-first.writes
	second := httptest.NewRecorder()
	p.server.Handler().ServeHTTP(second, question())
	if second.Code != http.StatusOK {
		t.Errorf("status %d", second.Code)
	}
	close(first.letGo)
	<-ended
}

func TestDecisionsComeAsTheyAreMade(t *testing.T) {
	p := serve(t)
	response, err := http.Get(p.url + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	next := func() (d decision) {
		t.Helper()
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				if err := json.Unmarshal([]byte(text), &d); err != nil {
					t.Fatal(err)
				}
				return d
			}
		}
		t.Fatal(lines.Err())
		return d
	}
	for range 2 { // from the log's end
		if d := next(); d.ServerName != "api.example.com" || d.Reason != "no_rule" || d.Port != 443 {
			t.Errorf("decision %+v", d)
		}
	}
	testfile.Append(t, p.log, strings.Replace(refused, "NAME", "<img src=x onerror=alert(1)>", 1))
	if d := next(); d.ServerName != "<img src=x onerror=alert(1)>" {
		t.Errorf("decision %+v", d)
	}
	var summary summaryAnswer
	_, body := p.ask(t, "GET", "/api/summary", nil)
	if err := json.Unmarshal([]byte(body), &summary); err != nil || summary.Refused != 3 || summary.Foreign != 1 {
		t.Errorf("summary %+v, %v", summary, err)
	}
}

func TestPagesAreBounded(t *testing.T) {
	f := &feed{pages: map[chan decision]bool{}}
	for range maxPages {
		if _, page := f.join(); page == nil {
			t.Fatal("no room")
		}
	}
	if _, page := f.join(); page != nil {
		t.Error("one page too many")
	}
	for page := range f.pages {
		f.leave(page)
		break
	}
	if _, page := f.join(); page == nil {
		t.Error("no room though one has left")
	}
}

// The policy of content forbids what is written into the page, and what would make
// HTML of a text.
func TestNothingIsWrittenIntoThePage(t *testing.T) {
	for file, wrong := range map[string]*regexp.Regexp{
		"index.html": regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=|javascript:|https?://`),
		"app.js":     regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|https?://`),
	} {
		text, err := static.ReadFile("static/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if found := wrong.Find(text); found != nil {
			t.Errorf("%s has %q", file, found)
		}
	}
}
