package admin_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"wildcard-egress/internal/admin"
)

func TestNew(t *testing.T) {
	for _, good := range []string{"127.0.0.1:9901", "localhost:15000", "[::1]:9901", "http://127.0.0.1:9901/", "https://gateway.example.com"} {
		if _, err := admin.New(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{
		"", ":9901", "9901", "127.0.0.1", "localhost", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:http", "a b:1", "::1", "::", "ftp://x", "http://",
		"http://user:word@x:1", "http://x:1/?a", "-x:1", "\x1b[31m", "1.2:1",
	} {
		if _, err := admin.New(bad); err == nil || !strings.Contains(err.Error(), "want HOST:PORT such as 127.0.0.1:9901") {
			t.Errorf("New(%q): %v", bad, err)
		}
	}
}

// Why there is no answer is said in words that people know, with what to look at.
func TestNoAnswerIsExplained(t *testing.T) {
	serve := func(handler http.HandlerFunc) string {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		return s.URL
	}
	mute := serve(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	cut := serve(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9")
		_, _ = w.Write([]byte("x"))
	})
	other := serve(func(w http.ResponseWriter, _ *http.Request) { http.NotFound(w, nil) })
	tls := httptest.NewTLSServer(nil)
	t.Cleanup(tls.Close)
	for name, tt := range map[string]struct{ address, want string }{
		"nobody listens":    {closedPort(t), "connection refused; does Envoy run"},
		"no such name":      {"no-such.invalid:1", `no address is known for "no-such.invalid"`},
		"closes at once":    {mute, "closed without an answer"},
		"closes in between": {cut, "closed without an answer"},
		"another server":    {other, `404 Not Found: "404 page not found\n"; is that Envoy's`},
		"foreign TLS":       {tls.URL, "try http"},
		"no HTTP":           {strings.Replace(mute, "http:", "https:", 1), "the answer is no HTTP"},
	} {
		at, err := admin.New(tt.address)
		if err != nil {
			t.Fatal(err)
		}
		_, err = at.Get(t.Context(), "/ready")
		if err == nil || !strings.Contains(err.Error(), tt.want) || libraryWords.MatchString(err.Error()) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

var libraryWords = regexp.MustCompile(`dial|lookup|Get "|net/http|x509|tls:|EOF`)

func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
