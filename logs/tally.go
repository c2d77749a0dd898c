package logs

import (
	"fmt"
	"math"
	"time"

	"wildcard-egress/accesslog"
)

// Tally counts what the lines of one or more files are. Its zero value is ready.
type Tally struct {
	Lines       int `json:"lines"`
	Connections int `json:"connections"` // lines of ends: one for each
	Events      int `json:"events"`      // lines of streams that live (--log-open, --log-interval)
	// LeftOut is refusals that have no line, since the log's are limited.
	LeftOut uint64    `json:"left_out"`
	First   time.Time `json:"first"` // when the first connection began
	Last    time.Time `json:"last"`
	// Others are lines that are not the gateway's, by what they are.
	Others []Other `json:"others"`

	file string
	line int // of file
}

// Other counts the lines of a kind.
type Other struct {
	What  string `json:"what"`
	Lines int    `json:"lines"`
	First string `json:"first"` // FILE:LINE of the first
}

// whatLinesAre are the kinds in words.
var whatLinesAre = map[accesslog.Kind]string{
	accesslog.OtherText: "text, such as Envoy's own log",
	accesslog.OtherJSON: "JSON of another log, such as a sidecar's",
	accesslog.Broken:    "broken JSON, such as a line that was cut off",
	accesslog.TooLong:   "too long for the gateway's",
}

func (t *Tally) add(file string, kind accesslog.Kind, e *accesslog.Entry) {
	if file != t.file {
		t.file, t.line = file, 0
	}
	t.Lines++
	t.line++
	switch {
	case kind == accesslog.Empty:
	case kind != accesslog.OfGateway:
		t.other(kind)
	case !e.IsConnection():
		t.Events++
	default:
		t.Connections++
		if t.LeftOut += e.LinesLeftOut; t.LeftOut < e.LinesLeftOut { // forged: no gateway refuses as many
			t.LeftOut = math.MaxUint64
		}
		if t.First.IsZero() || e.Time.Before(t.First) {
			t.First = e.Time
		}
		if e.Time.After(t.Last) {
			t.Last = e.Time
		}
	}
}

func (t *Tally) other(kind accesslog.Kind) {
	what := whatLinesAre[kind]
	for i := range t.Others {
		if t.Others[i].What == what {
			t.Others[i].Lines++
			return
		}
	}
	t.Others = append(t.Others, Other{What: what, Lines: 1, First: fmt.Sprintf("%s:%d", t.file, t.line)})
}
