package accesslog

import (
	"bytes"
	"strconv"
	"time"

	"github.com/valyala/fastjson"
)

// Reader reads lines. It is for one goroutine; the zero value is ready.
type Reader struct {
	parser fastjson.Parser
	seen   map[string]string // so that a text that comes again takes no memory
}

// maxSeen bounds the texts that a Reader remembers.
const maxSeen = 1 << 15

// Read reads one line, without its newline, into e, of which nothing else counts
// unless the kind is OfGateway. It keeps no reference to line.
func (r *Reader) Read(line []byte, e *Entry) Kind {
	line = bytes.Trim(line, "\x00\t\r\n ") // a file that was cut under its writer begins with zeros
	if len(line) == 0 {
		return Empty
	}
	if len(line) > MaxLineBytes {
		return TooLong
	}
	text := withoutPrefix(line)
	switch begun, ended := text[0] == '{', bytes.HasSuffix(text, []byte("}")); {
	case !begun && ended && !bytes.Contains(text, []byte(" ")):
		return Broken // the end of a line whose begin is lost: no text for people
	case !begun:
		return OtherText
	}
	value, err := r.parser.ParseBytes(text)
	if err != nil {
		return Broken
	}
	object, err := value.Object()
	if err != nil {
		return OtherText
	}
	return r.read(object, e)
}

// fieldsRead counts what makes an object a line of the gateway.
type fieldsRead struct {
	keys    uint32 // one bit for each of Fields
	twice   bool
	strange bool // a key that is none of Fields
	wrong   bool // a value that the gateway does not write
}

func (r *Reader) read(object *fastjson.Object, e *Entry) Kind {
	*e = Entry{}
	var f fieldsRead
	object.Visit(func(key []byte, value *fastjson.Value) {
		i := indexOf(key)
		if i < 0 {
			f.strange = true
			return
		}
		f.twice = f.twice || f.keys&(1<<i) != 0
		f.keys |= 1 << i
		r.field(string(key), value, e, &f)
	})
	decided := e.Decision == Allow || e.Decision == Deny
	switch {
	case f.twice: // who reads the first, and who the last?
		return Broken
	case f.wrong, e.Time.IsZero(), e.Decision != "" && !decided:
		return OtherJSON
	case !decided && (f.strange || f.keys&always != always):
		return OtherJSON // sidecars write most of the same keys, and more
	}
	return OfGateway
}

func (r *Reader) field(key string, value *fastjson.Value, e *Entry, f *fieldsRead) {
	switch key {
	case "time":
		text, err := value.StringBytes()
		if err == nil {
			e.Time, err = time.Parse(time.RFC3339Nano, string(text))
		}
		f.wrong = f.wrong || err != nil
	case "event":
		e.Event = Event(r.text(value, maxText, f))
		f.wrong = f.wrong || e.Event != "" && e.Event != Open && e.Event != Interval && e.Event != End
	case "principal":
		e.Principal = r.text(value, maxPrincipal, f)
	case "lines_left_out":
		if value.Type() != fastjson.TypeNull {
			n, err := value.Uint64()
			e.LinesLeftOut, f.wrong = n, f.wrong || err != nil
		}
	default:
		if into := e.plain(key); into != nil {
			*into = r.text(value, maxText, f)
		}
	}
}

// plain is where the text of a key goes; nil for those that nobody reads.
func (e *Entry) plain(key string) *string {
	switch key {
	case "server_name":
		return &e.ServerName
	case "decision":
		return &e.Decision
	case "rule":
		return &e.Rule
	case "reason":
		return &e.Reason
	case "detail":
		return &e.Detail
	case "shadow_rule":
		return &e.ShadowRule
	case "shadow_decision":
		return &e.ShadowDecision
	case "shadow_reason":
		return &e.ShadowReason
	case "requested_server_name":
		return &e.RequestedServerName
	case "upstream_remote_address":
		return &e.UpstreamRemoteAddress
	}
	return nil
}

// text is a string's text, escaped where it is not printable ASCII; empty for null.
func (r *Reader) text(value *fastjson.Value, longest int, f *fieldsRead) string {
	if value.Type() == fastjson.TypeNull {
		return ""
	}
	text, err := value.StringBytes()
	if err != nil || len(text) > longest {
		f.wrong = true
		return ""
	}
	if known, ok := r.seen[string(text)]; ok {
		return known
	}
	if r.seen == nil || len(r.seen) == maxSeen {
		r.seen = make(map[string]string, 256)
	}
	shown := printable(text)
	r.seen[string(text)] = shown
	return shown
}

// printable escapes what would steer a terminal, end a line, or look like another
// character.
func printable(text []byte) string {
	if bytes.IndexFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) < 0 {
		return string(text)
	}
	quoted := strconv.QuoteToASCII(string(text))
	return quoted[1 : len(quoted)-1]
}

// indexOf is the place of a key in Fields; -1: none.
func indexOf(key []byte) int {
	i, ok := places[string(key)]
	if !ok {
		return -1
	}
	return i
}

var (
	places = map[string]int{}
	always uint32 // the fields that each line has
)

func init() {
	for i, f := range fields {
		places[f.Name] = i
		if f.When == "always" {
			always |= 1 << i
		}
	}
}
