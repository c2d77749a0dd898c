package sites

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
)

// EchoPath is where AnswerHTTP sends a request's body back.
const EchoPath = "/echo"

// Echo sends back what comes, and ends its side when the client ends his.
func Echo(conn net.Conn) {
	_, _ = io.Copy(conn, conn) // the site's record tells how far it came
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}

// AnswerHTTP serves HTTP/1.1: each request gets name and a newline, or at
// EchoPath its own body.
func AnswerHTTP(name string) func(net.Conn) {
	return func(conn net.Conn) {
		from := bufio.NewReader(conn)
		for {
			request, err := http.ReadRequest(from)
			if err != nil {
				return
			}
			response := &http.Response{
				StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: request,
				Header: http.Header{"Content-Type": {"text/plain"}, "Site": {name}},
				Close:  request.Close,
			}
			answer := name + "\n"
			response.Body, response.ContentLength = io.NopCloser(strings.NewReader(answer)), int64(len(answer))
			if request.URL.Path == EchoPath {
				response.Body, response.ContentLength = request.Body, request.ContentLength
			}
			if response.Write(conn) != nil || request.Close {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body) // what the answer did not use
		}
	}
}
