package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A port that is not the admin interface may close without a word. That is no end
// of a log.
func TestTopSaysThatNobodyAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer server.Close()
	_, err := runCommand(t, "logs", "top", "--admin", server.URL, "--times", "1")
	if err == nil || !strings.Contains(err.Error(), "closed without an answer") {
		t.Error(err)
	}
}

// A drain that cannot know when it is over must not begin.
func TestDrainOfAWrongPortChangesNothing(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		_, _ = w.Write([]byte(`{"stats":[]}`))
	}))
	defer server.Close()
	for _, args := range [][]string{{"--port", "1"}, {"--for", "-1s"}, {"--grace", "-1s"}} {
		if _, err := runCommand(t, append([]string{"drain", "--admin", server.URL}, args...)...); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// Kubernetes stops the gateway when its drain ends.
func TestDrainGoesOnAfterAQuestionWithoutAnswer(t *testing.T) {
	asked, values := 0, []int{1, 1, -1, 0} // -1: no answer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			return
		}
		value := values[asked]
		asked++
		if value < 0 {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, `{"stats":[{"name":"listener.0.0.0.0_8443.downstream_cx_active","value":%d}]}`, value)
	}))
	defer server.Close()
	_, err := runCommand(t, "drain", "--admin", server.URL, "--port", "8443", "--grace", "0s", "--for", "1m")
	if err != nil || asked != len(values) {
		t.Errorf("%v after %d questions, want none after %d", err, asked, len(values))
	}
}
