package ui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"time"

	"wildcard-egress/filter/policy"
	"wildcard-egress/filter/policy/analysis"
	"wildcard-egress/filter/policy/document"
	"wildcard-egress/livepolicy"
	"wildcard-egress/logs"
)

// policyAnswer is the policy as it is written.
type policyAnswer struct {
	Text    string `json:"text"`
	Cut     bool   `json:"cut"` // only its begin is there
	Error   string `json:"error"`
	Rules   int    `json:"rules"`
	Version uint64 `json:"version"`
}

// maxPolicyText is how much of a policy a page shows.
const maxPolicyText = 256 << 10

func (s *Server) policy(w http.ResponseWriter, _ *http.Request) {
	text, d, err := s.config.Policy()
	a := policyAnswer{Text: string(text[:min(len(text), maxPolicyText)]), Cut: len(text) > maxPolicyText, Version: livepolicy.Version(text)}
	if err != nil {
		a.Error = err.Error()
	}
	if d != nil {
		a.Rules = len(d.Rules)
	}
	answer(w, a)
}

// gatewayAnswer is the state of the gateway.
type gatewayAnswer struct {
	Asked    bool              `json:"asked"` // false: no admin interface was named
	Error    string            `json:"error"`
	Counters map[string]uint64 `json:"counters"` // without wildcard_egress.
}

const (
	askTimeout = 5 * time.Second
	askState   = `/stats?filter=^wildcard_egress\.(allowed|denied\.|failed\.|policy_)`
)

var counterLine = regexp.MustCompile(`(?m)^wildcard_egress\.([a-z0-9_.]+): (\d+)$`)

func (s *Server) gateway(w http.ResponseWriter, r *http.Request) {
	a := gatewayAnswer{Asked: s.config.Ask != nil, Counters: map[string]uint64{}}
	if a.Asked {
		ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
		defer cancel()
		text, err := s.config.Ask(ctx, askState)
		if err != nil {
			a.Error = err.Error()
		}
		for _, m := range counterLine.FindAllSubmatch(text, -1) {
			if n, err := strconv.ParseUint(string(m[2]), 10, 64); err == nil {
				a.Counters[string(m[1])] = n
			}
		}
	}
	answer(w, a)
}

// summaryAnswer is what was read of the log.
type summaryAnswer struct {
	Connections int `json:"connections"`
	Foreign     int `json:"foreign"` // lines that are not the gateway's
	logs.Report
}

// listed is how many groups a page lists.
const listed = 50

func (s *Server) summary(w http.ResponseWriter, _ *http.Request) {
	s.feed.mu.Lock()
	a := summaryAnswer{s.feed.read, s.feed.foreign, s.feed.total.Report(listed)}
	s.feed.mu.Unlock()
	answer(w, a)
}

// explainAnswer is an analysis.Explanation.
type explainAnswer struct {
	ServerName string               `json:"server_name"`
	Decision   string               `json:"decision"`
	Rule       string               `json:"rule"`
	Reason     string               `json:"reason"`
	Advice     string               `json:"advice"`
	Port       uint16               `json:"port"`
	Shadow     string               `json:"shadow"` // what shadow rules would decide
	ShadowRule string               `json:"shadow_rule"`
	Error      string               `json:"error"` // why the name is no host name
	Others     []analysis.OtherRule `json:"others"`
}

func (s *Server) explain(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	port, err := number(q, "port", 0)
	if err != nil || port > 65535 {
		fault(w, http.StatusBadRequest, fmt.Errorf("port %q: want a number from 0 to 65535", q.Get("port")))
		return
	}
	request := policy.Request{ServerName: q.Get("server_name"), Principal: q.Get("principal"), Port: uint16(port)}
	s.answerBy(w, func(d *document.Document) (any, error) { return explained(analysis.Explain(d, request)), nil })
}

// answerBy answers what takes long. A client that does not read its answer keeps no
// other waiting.
func (s *Server) answerBy(w http.ResponseWriter, find func(*document.Document) (any, error)) {
	found, status, err := s.find(find)
	if err != nil {
		fault(w, status, err)
		return
	}
	answer(w, found)
}

// find asks one question at a time, by the policy of now; status is the error's.
func (s *Server) find(find func(*document.Document) (any, error)) (found any, status int, err error) {
	s.scanning.Lock()
	defer s.scanning.Unlock()
	_, d, err := s.config.Policy()
	if err != nil {
		return nil, http.StatusConflict, err
	}
	found, err = find(d)
	return found, http.StatusInternalServerError, err
}

func explained(e analysis.Explanation) explainAnswer {
	a := explainAnswer{
		ServerName: e.Request.ServerName, Decision: e.Decision.Action.String(), Rule: e.Decision.Rule, Reason: string(e.Decision.Reason),
		Advice: logs.Advice(string(e.Decision.Reason)), Port: e.Decision.Port, Others: append([]analysis.OtherRule{}, e.Others...),
	}
	if e.Decision.Shadow.Reported {
		a.Shadow, a.ShadowRule = e.Decision.Shadow.Action.String(), e.Decision.Shadow.Rule
	}
	if e.Err != nil {
		a.Error = e.Err.Error()
	}
	return a
}

// learn reads the log's end anew, so that it goes by the policy of now.
func (s *Server) learn(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	least, err := number(q, "min_count", 2)
	wildcardAt, err2 := number(q, "wildcard_at", 10)
	if err := errors.Join(err, err2); err != nil || least < 1 || wildcardAt == 1 {
		fault(w, http.StatusBadRequest, errors.New("min_count is 1 or more, wildcard_at 2 or more, or 0 for none"))
		return
	}
	callers, err := logs.ParseCallers(q["caller"])
	if err != nil {
		fault(w, http.StatusBadRequest, fmt.Errorf("caller %w", err))
		return
	}
	s.answerBy(w, func(d *document.Document) (any, error) {
		return learnFrom(s.config.Log, callers, logs.LearnOptions{Least: least, WildcardAt: wildcardAt, Policy: d})
	})
}

func learnFrom(path string, callers *logs.Callers, o logs.LearnOptions) (logs.Learned, error) {
	file, err := os.Open(path)
	if err != nil {
		return logs.Learned{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return logs.Learned{}, err
	}
	learner := logs.NewLearner(o)
	begin := max(0, info.Size()-history)
	var tally logs.Tally
	if err := logs.Scan(io.NewSectionReader(file, begin, history), path, &tally, callers.Only(learner.Add)); err != nil {
		return logs.Learned{}, err
	}
	return learner.Learn()
}

// number is a parameter of a query that is one.
func number(q url.Values, name string, otherwise int) (int, error) {
	if q.Get(name) == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(q.Get(name), 10, 31)
	return int(n), err
}
