// Command app is the application of the cluster's tests. It speaks TLS to hosts
// outside, as its pod's sidecar lets it, and keeps streams open. Without an
// argument it waits for a signal, which is all that a pod's own container does.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"wildcard-egress/testenv/client"
)

const patience = 20 * time.Second // for one request

func main() {
	if len(os.Args) < 2 {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
		defer stop()
		<-ctx.Done()
		return
	}
	a := &app{}
	http.HandleFunc("GET /ask", a.ask)
	http.HandleFunc("POST /streams", a.open)
	http.HandleFunc("GET /streams", a.look)
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type app struct {
	mu      sync.Mutex
	streams []*tls.Conn
}

// dial opens a stream to the host and port of a request. The pod's resolver
// says where that is, SSL_CERT_FILE whom to trust.
func dial(r *http.Request) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	host := r.FormValue("host")
	conn, err := (&tls.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, r.FormValue("port")))
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

func ask(stream *tls.Conn) (string, error) {
	if err := stream.SetDeadline(time.Now().Add(patience)); err != nil {
		return "", err
	}
	return client.Ask(stream)
}

// ask answers with the name of the site that answered.
func (a *app) ask(w http.ResponseWriter, r *http.Request) {
	stream, err := dial(r)
	if err == nil {
		defer stream.Close()
		var site string
		if site, err = ask(stream); err == nil {
			fmt.Fprint(w, site)
			return
		}
	}
	http.Error(w, err.Error(), http.StatusBadGateway)
}

// open opens n streams and keeps them.
func (a *app) open(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.FormValue("n"))
	for range n {
		var stream *tls.Conn
		if stream, err = dial(r); err == nil {
			_, err = ask(stream)
		}
		if err != nil {
			break
		}
		a.mu.Lock()
		a.streams = append(a.streams, stream)
		a.mu.Unlock()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}

// look asks on each stream. The answer has, by host, how many are alive and how
// many are cut; those are forgotten.
func (a *app) look(w http.ResponseWriter, _ *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	found := map[string]*struct{ Alive, Cut int }{}
	var alive []*tls.Conn
	for _, stream := range a.streams {
		host := stream.ConnectionState().ServerName
		if found[host] == nil {
			found[host] = &struct{ Alive, Cut int }{}
		}
		if _, err := ask(stream); err != nil {
			found[host].Cut++
			err = errors.Join(err, stream.Close())
			fmt.Fprintln(os.Stderr, host, err)
			continue
		}
		found[host].Alive++
		alive = append(alive, stream)
	}
	a.streams = alive
	_ = json.NewEncoder(w).Encode(found)
}
