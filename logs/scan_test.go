package logs

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"wildcard-egress/accesslog"
)

// lineOf is a line of the gateway.
func lineOf(fields ...string) string {
	var b strings.Builder
	b.WriteString(`{"time":"2026-11-26T04:53:57.597Z","downstream_remote_address":"10.0.0.1:1","response_flags":"-",` +
		`"bytes_received":0,"bytes_sent":0,"duration":1`)
	for i := 0; i < len(fields); i += 2 {
		fmt.Fprintf(&b, ",%q:%q", fields[i], fields[i+1])
	}
	return b.String() + "}\n"
}

const (
	web     = "spiffe://cluster.local/ns/shop/sa/web"
	batch   = "spiffe://cluster.local/ns/shop/sa/batch"
	portal  = "outbound_.443_._.gateway.test"
	envoys  = "[2026-11-26 04:53:57.597][12][info] starting\n"
	sidecar = `{"time":"2026-11-26T04:53:57.597Z","filter_chain_name":"blocked","server_name":"x.example.com"}` + "\n"
)

func refusal(caller, name, reason string) string {
	return lineOf("principal", caller, "server_name", name, "decision", "deny", "reason", reason, "requested_server_name", portal)
}

// slowly gives so many bytes at a time.
type slowly struct {
	in io.Reader
	n  int
}

func (s slowly) Read(b []byte) (int, error) { return s.in.Read(b[:min(len(b), s.n)]) }

func TestScanReadsTheSameHoweverItComes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	var want []string
	for i := range 3000 {
		switch random.IntN(8) {
		case 0:
			text.WriteString(envoys)
		case 1:
			text.WriteString(sidecar)
		case 2:
			text.WriteString(strings.Repeat("x", random.IntN(3*blockBytes)) + "\n")
		default:
			name := fmt.Sprintf("n%d.example.com", i)
			text.WriteString(refusal(web, name, "no_rule"))
			want = append(want, name)
		}
	}
	want = append(want, "last.example.com")
	text.WriteString(strings.TrimSuffix(refusal(web, "last.example.com", "no_rule"), "\n"))
	for _, n := range []int{1 << 20, 100_003, 4096} {
		var got []string
		var tally Tally
		err := Scan(slowly{strings.NewReader(text.String()), n}, "log", &tally, func(e *accesslog.Entry) { got = append(got, e.ServerName) })
		if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("in pieces of %d: %d lines, want %d in their order; %v", n, len(got), len(want), err)
		}
		if tally.Lines != 3001 || tally.Connections != len(want) || len(tally.Others) != 3 {
			t.Fatalf("in pieces of %d: %+v", n, tally)
		}
	}
}

func TestScanCountsWhatIsNotTheGateways(t *testing.T) {
	text := envoys + sidecar + refusal(web, "a.example.com", "no_rule") +
		lineOf("event", "open", "decision", "allow") + lineOf("event", "interval", "decision", "allow") + lineOf("event", "end", "decision", "allow") +
		refusal(web, "b.example.com", "no_rule")[:90] + "\n" + sidecar + strings.Repeat("y", 2*accesslog.MaxLineBytes) + "\n\n"
	var tally Tally
	if err := Scan(strings.NewReader(text), "log", &tally, func(*accesslog.Entry) {}); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%d %d %d %v", tally.Lines, tally.Connections, tally.Events, tally.Others)
	want := "10 2 2 [{text, such as Envoy's own log 1 log:1} {JSON of another log, such as a sidecar's 2 log:2} " +
		"{broken JSON, such as a line that was cut off 1 log:7} {too long for the gateway's 1 log:9}]"
	if got != want {
		t.Errorf("tally:\n%s\nwant:\n%s", got, want)
	}
}

// A file that is cut while Envoy writes goes on behind as many zeros as it had
// bytes.
func TestScanReadsBehindZeros(t *testing.T) {
	for _, zeros := range []int{1, 70 << 10, 3 * blockBytes} {
		line := refusal(web, "a.example.com", "no_rule")
		text := line + strings.Repeat("\x00", zeros) + line + strings.Repeat("\x00", zeros)
		for _, in := range []io.Reader{strings.NewReader(text), slowly{strings.NewReader(text), 4096}} {
			var tally Tally
			if err := Scan(in, "log", &tally, func(*accesslog.Entry) {}); err != nil || tally.Connections != 2 || len(tally.Others) != 0 {
				t.Errorf("%d zeros: %+v, %v", zeros, tally, err)
			}
		}
		followed := 0
		if err := Lines(strings.NewReader(text), func(accesslog.Kind, *accesslog.Entry) { followed++ }); err != nil || followed != 2 {
			t.Errorf("%d zeros: %d lines followed, %v", zeros, followed, err)
		}
	}
}

// Sums that somebody forged are large, not small.
func TestForgedCountsDoNotBeginAnew(t *testing.T) {
	forged := strings.Replace(refusal(web, "a.example.com", "no_rule"), "{", `{"lines_left_out":18446744073709551615,`, 1)
	var tally Tally
	if err := Scan(strings.NewReader(forged+forged), "log", &tally, func(*accesslog.Entry) {}); err != nil || tally.LeftOut != math.MaxUint64 {
		t.Errorf("%d left out; %v", tally.LeftOut, err)
	}
}

// A line says it at its connection's end; those of the same connection's begin too.
func TestScanCountsWhatHasNoLine(t *testing.T) {
	some := func(line string) string { return strings.Replace(line, "{", `{"lines_left_out":7,`, 1) }
	var tally Tally
	text := some(lineOf("event", "open", "decision", "allow")) + some(lineOf("event", "end", "decision", "allow")) + some(refusal(web, "a.example.com", "no_rule"))
	if err := Scan(strings.NewReader(text), "log", &tally, func(*accesslog.Entry) {}); err != nil || tally.LeftOut != 14 {
		t.Errorf("%d left out, want 14; %v", tally.LeftOut, err)
	}
}

func TestScanCountsWhatIsBeforeAFault(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	for i := range 5000 {
		if _, err := io.WriteString(w, refusal(web, fmt.Sprintf("n%d.example.com", i*i), "no_rule")); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	cut, err := gzip.NewReader(bytes.NewReader(packed.Bytes()[:packed.Len()-2000]))
	if err != nil {
		t.Fatal(err)
	}
	var tally Tally
	err = Scan(cut, "log.gz", &tally, func(*accesslog.Entry) {})
	if !errors.Is(err, io.ErrUnexpectedEOF) || tally.Connections < 1000 || tally.Connections == 5000 {
		t.Errorf("%v, %d connections", err, tally.Connections)
	}
}
