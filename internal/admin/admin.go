// Package admin asks Envoy's admin interface.
package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"wildcard-egress/filter/policy/servername"
)

const (
	timeout = 30 * time.Second // of one question
	// maxAnswer bounds an answer: the config_dump of a gateway in a large mesh
	// has some ten megabytes.
	maxAnswer = 256 << 20
)

// Client asks one admin interface. It is safe for use by several goroutines.
type Client struct{ base string }

// New returns the client of an interface at HOST:PORT or at a URL such as
// http://127.0.0.1:9901. It asks nothing yet.
func New(address string) (*Client, error) {
	full := address
	if !strings.Contains(full, "://") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || !isHost(u.Hostname()) || !isPort(u.Port(), full == address) ||
		u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("--admin %q: want HOST:PORT such as 127.0.0.1:9901, or a URL", address)
	}
	return &Client{base: strings.TrimSuffix(u.String(), "/")}, nil
}

func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	_, err := servername.Parse([]byte(host))
	return err == nil
}

// isPort is true also without one, if it may be left out.
func isPort(port string, optional bool) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 || port == "" && optional
}

// Get returns the body of an answer of status 200. path begins with a slash and may
// have a query.
func (c *Client) Get(ctx context.Context, path string) ([]byte, error) {
	return c.ask(ctx, http.MethodGet, path)
}

// Post is Get for what changes something.
func (c *Client) Post(ctx context.Context, path string) ([]byte, error) {
	return c.ask(ctx, http.MethodPost, path)
}

func (c *Client) ask(ctx context.Context, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, nil)
	if err != nil {
		return nil, fmt.Errorf("%s%q: not a path that can be asked for", c.base, path)
	}
	response, err := direct.Do(request)
	if err != nil {
		return nil, c.explain(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		err = c.explain(err)
	case response.StatusCode != http.StatusOK:
		err = fmt.Errorf("%s%s: %s: %.200q; is that Envoy's admin interface?", c.base, path, response.Status, body)
	case len(body) > maxAnswer:
		err = errors.New(path + ": a larger answer than any Envoy's")
	}
	return body, err
}

// direct asks no proxy: the interface is on this machine, or near.
var direct = &http.Client{Transport: &http.Transport{}}

// explain says why there is no answer, without the words of Go's libraries. What
// errors.Is finds of contexts stays to be found.
func (c *Client) explain(err error) error {
	var (
		number  syscall.Errno
		unknown *net.DNSError
		foreign *tls.CertificateVerificationError
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return tooLate(c.base)
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &unknown):
		return fmt.Errorf("%s: no address is known for %q; give the address of Envoy's admin interface", c.base, unknown.Name)
	case errors.As(err, &number):
		return fmt.Errorf("%s: %w; does Envoy run, and is its admin interface there?", c.base, number)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the connection was closed without an answer; is that Envoy's admin interface?", c.base)
	case errors.As(err, &foreign):
		return fmt.Errorf("%s: its certificate is none that this machine trusts; Envoy's admin interface has none, try http", c.base)
	}
	return fmt.Errorf("%s: the answer is no HTTP; is that Envoy's admin interface?", c.base)
}

// tooLate is context.DeadlineExceeded in words.
type tooLate string

func (t tooLate) Error() string {
	return string(t) + ": no whole answer in time; is that Envoy's admin interface?"
}
func (tooLate) Unwrap() error { return context.DeadlineExceeded }
