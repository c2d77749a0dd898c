package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"wildcard-egress/accesslog"
	"wildcard-egress/logs"
)

// history is how much of the log is read: of a longer one the end.
const history = 64 << 20

const (
	maxRecent  = 200 // decisions that a page begins with
	maxWaiting = 500 // that wait for one page
	maxPages   = 16
)

// decision is one line of the log, for the page.
type decision struct {
	Time       time.Time `json:"time"`
	Caller     string    `json:"caller"`
	ServerName string    `json:"server_name"`
	Port       uint16    `json:"port"`
	Decision   string    `json:"decision"`
	Rule       string    `json:"rule"`
	Reason     string    `json:"reason"`
	Detail     string    `json:"detail"`
	Shadow     string    `json:"shadow"` // what a shadow rule would decide otherwise
}

// feed follows the log.
type feed struct {
	mu      sync.Mutex
	total   *logs.Summary
	recent  []decision // the newest last
	pages   map[chan decision]bool
	read    int // connections
	foreign int // lines that are not the gateway's
}

// follow reads the log's end, and then what comes, until ctx ends.
func follow(ctx context.Context, path string) (*feed, error) {
	tail, err := logs.OpenTail(ctx, path, history)
	if err != nil {
		return nil, err
	}
	f := &feed{total: logs.NewSummary(), pages: map[chan decision]bool{}}
	go func() {
		defer tail.Close()
		_ = logs.Lines(tail, f.add) // a file that cannot be read any more brings nothing new
	}()
	return f, nil
}

func (f *feed) add(kind accesslog.Kind, e *accesslog.Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if kind != accesslog.OfGateway {
		if kind != accesslog.Empty {
			f.foreign++
		}
		return
	}
	if !e.IsConnection() {
		return
	}
	f.read++
	f.total.Add(e)
	d := decision{Time: e.Time, Caller: e.Principal, ServerName: e.ServerName, Port: logs.PortOf(e),
		Decision: e.Decision, Rule: e.Rule, Reason: e.Reason, Detail: e.Detail}
	if e.ShadowDecision != e.Decision {
		d.Shadow = e.ShadowDecision
	}
	if len(f.recent) == maxRecent {
		f.recent = append(f.recent[:0], f.recent[1:]...)
	}
	f.recent = append(f.recent, d)
	for page := range f.pages {
		select {
		case page <- d:
		default: // it does not keep up: what it has is not all, and its total says so
		}
	}
}

// join returns what came lately and what will come; nil: there are too many pages.
func (f *feed) join() (recent []decision, page chan decision) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pages) >= maxPages {
		return nil, nil
	}
	page = make(chan decision, maxWaiting)
	f.pages[page] = true
	return append([]decision{}, f.recent...), page
}

func (f *feed) leave(page chan decision) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.pages, page)
}

// events sends decisions as they come (server-sent events).
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	recent, page := s.feed.join()
	if page == nil {
		fault(w, http.StatusServiceUnavailable, fmt.Errorf("%d pages are open already; close one", maxPages))
		return
	}
	defer s.feed.leave(page)
	w.Header().Set("Content-Type", "text/event-stream")
	controller := http.NewResponseController(w)
	send := func(d decision) error {
		text, err := json.Marshal(d)
		if err == nil {
			_, err = fmt.Fprintf(w, "data: %s\n\n", text)
		}
		return err
	}
	for _, d := range recent {
		if send(d) != nil {
			return
		}
	}
	for controller.Flush() == nil {
		select {
		case <-r.Context().Done():
			return
		case d := <-page:
			if send(d) != nil {
				return
			}
		}
	}
}
