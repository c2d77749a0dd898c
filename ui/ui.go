// Package ui is a page for people who prefer looking: what the gateway decides as
// it comes, who was refused what and why, whether something would be allowed, and
// the policy that would allow it. It reads and never writes, for the one who
// started it, on this machine.
package ui

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"wildcard-egress/filter/policy/document"
)

//go:embed static
var static embed.FS

// Config says what the page is about.
type Config struct {
	// Log is the path of the gateway's access log.
	Log string
	// Policy reads the policy: its text, and what it says. Both may be there with an
	// error of one that has mistakes.
	Policy func() (text []byte, d *document.Document, err error)
	// Ask asks Envoy's admin interface; nil: there is none.
	Ask func(ctx context.Context, path string) ([]byte, error)
}

// Server answers the page's questions. New makes one.
type Server struct {
	config   Config
	feed     *feed
	scanning sync.Mutex // one at a time reads the log or compiles a policy
}

// New returns a server that follows the log until ctx ends.
func New(ctx context.Context, c Config) (*Server, error) {
	f, err := follow(ctx, c.Log)
	if err != nil {
		return nil, err
	}
	return &Server{config: c, feed: f}, nil
}

// Serve answers on l, which has to be on a loopback address, until ctx ends.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	address, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil || !address.Addr().IsLoopback() {
		l.Close()
		return errNotLoopback
	}
	server := &http.Server{
		Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}

// Handler answers requests to a loopback address.
func (s *Server) Handler() http.Handler {
	files, err := fs.Sub(static, "static")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /api/policy", s.policy)
	mux.HandleFunc("GET /api/gateway", s.gateway)
	mux.HandleFunc("GET /api/summary", s.summary)
	mux.HandleFunc("GET /api/explain", s.explain)
	mux.HandleFunc("GET /api/learn", s.learn)
	mux.HandleFunc("GET /api/events", s.events)
	return guard(mux)
}

// answer writes a value as JSON.
func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value) // an error is a client that has gone
}

// fault writes what is wrong, for people.
func fault(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()})
}
