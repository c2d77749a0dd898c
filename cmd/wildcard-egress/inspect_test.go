package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"wildcard-egress/filter/clienthello"
	"wildcard-egress/filter/clienthello/hellotest"
)

// runInspect runs the command with bytes on standard input.
func runInspect(t *testing.T, stdin []byte, args ...string) (lines []string, err error) {
	t.Helper()
	var out bytes.Buffer
	root := newRootCommand()
	root.SetArgs(append([]string{"inspect", "-o", "json"}, args...))
	root.SetIn(bytes.NewReader(stdin))
	root.SetOut(&out)
	err = root.Execute()
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n"), err
}

func writeFile(t *testing.T, data []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "hello.bin")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestInspectTellsEveryCase(t *testing.T) {
	for _, c := range hellotest.All() {
		t.Run(c.Name, func(t *testing.T) {
			file := writeFile(t, c.Bytes)
			lines, err := runInspect(t, nil, file)
			var got inspection
			if jsonErr := json.Unmarshal([]byte(lines[0]), &got); jsonErr != nil || len(lines) != 1 {
				t.Fatalf("inspect printed %q: %v", lines, jsonErr)
			}
			want := inspection{File: file, Result: c.Result, Reason: c.Reason, ServerName: c.ServerName, ECH: c.ECH}
			if c.Result == hellotest.NotTLS {
				want.Reason = cmp.Or(clienthello.Protocol(c.Bytes), c.Reason)
			}
			if c.Reason == "invalid_server_name" {
				want.ServerName = printable(c.Sent[:min(len(c.Sent), 255)])
			}
			want.RecordCount, want.HelloBytes, want.ALPN, want.TLSVersions =
				got.RecordCount, got.HelloBytes, got.ALPN, got.TLSVersions
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if negative := c.Result != hellotest.Accepted; errors.Is(err, errNegative) != negative {
				t.Errorf("error %v, want a negative answer: %v", err, negative)
			}
		})
	}
}

func TestInspectPrintsAllKeysInOrder(t *testing.T) {
	message := hellotest.Chrome("EN.wikipedia.ORG.").Message()
	for name, tt := range map[string]struct {
		stdin []byte
		want  string
	}{
		"a hello in five records": {
			stdin: hellotest.Records(message, 400),
			want: `{"file":"-","result":"server_name","server_name":"en.wikipedia.org","reason":"","record_count":5,` +
				`"hello_bytes":` + strconv.Itoa(len(message)) + `,"ech":true,"alpn":["h2","http/1.1"],` +
				`"tls_versions":["0xDADA","TLS 1.3","TLS 1.2"]}`,
		},
		"nothing": {
			want: `{"file":"-","result":"incomplete","server_name":"","reason":"incomplete","record_count":0,` +
				`"hello_bytes":0,"ech":false,"alpn":[],"tls_versions":[]}`,
		},
		"a hello that announces 16 MiB": {
			stdin: hellotest.Whole([]byte{1, 0xff, 0xff, 0xff}),
			want: `{"file":"-","result":"malformed","server_name":"","reason":"client_hello_too_large","record_count":1,` +
				`"hello_bytes":16777219,"ech":false,"alpn":[],"tls_versions":[]}`,
		},
		"text from the wire": {
			stdin: hellotest.Whole(hellotest.Old(0x0303, hellotest.ServerName("<a>\n\"\xff"), hellotest.ALPN("\x00h2")).Message()),
			want: `{"file":"-","result":"malformed","server_name":"<a>\\n\\\"\\xff","reason":"invalid_server_name","record_count":1,` +
				`"hello_bytes":78,"ech":false,"alpn":["\\x00h2"],"tls_versions":["TLS 1.2"]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			lines, _ := runInspect(t, tt.stdin, "-")
			if want := []string{tt.want}; !reflect.DeepEqual(lines, want) {
				t.Errorf("got %+v, want %+v", lines, want)
			}
		})
	}
}

func TestInspectNamesAMissingFileBehindTheGoodOnes(t *testing.T) {
	good := writeFile(t, hellotest.Whole(hellotest.Curl(hellotest.Site).Message()))
	missing := filepath.Join(t.TempDir(), "missing.bin")
	lines, err := runInspect(t, nil, missing, good)
	if len(lines) != 1 || !strings.Contains(lines[0], `"result":"server_name"`) {
		t.Errorf("printed %q, want the line of the good file", lines)
	}
	if err == nil || errors.Is(err, errNegative) || !strings.Contains(err.Error(), missing) {
		t.Errorf("error %v, want one that names %s", err, missing)
	}
}

func TestInspectHonoursTheLimit(t *testing.T) {
	file := writeFile(t, hellotest.Whole(hellotest.OfSize(hellotest.Site, 20000)))
	for limit, want := range map[string]string{"16384": "client_hello_too_large", "20000": ""} {
		lines, _ := runInspect(t, nil, "--max-client-hello-bytes", limit, file)
		if !strings.Contains(lines[0], `"reason":"`+want+`"`) {
			t.Errorf("limit %s: %s, want reason %q", limit, lines[0], want)
		}
	}
	if _, err := runInspect(t, nil, "--max-client-hello-bytes", "0", file); err == nil || errors.Is(err, errNegative) {
		t.Errorf("limit 0: error %v, want bad usage", err)
	}
}

// endless is a file without an end.
type endless struct{ read int }

func (e *endless) Read(b []byte) (int, error) {
	e.read += len(b)
	return len(b), nil
}

func TestInspectReadsNoMoreThanTheParserNeeds(t *testing.T) {
	behind := &endless{}
	hello := hellotest.Whole(hellotest.Curl(hellotest.Site).Message())
	if line, err := inspect(io.MultiReader(bytes.NewReader(hello), behind), 16384); err != nil || line.Result != resultServerName {
		t.Errorf("inspect = %+v, %v", line, err)
	}
	if behind.read != 0 {
		t.Errorf("read %d bytes behind the hello", behind.read)
	}
}
