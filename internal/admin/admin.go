// Package admin asks Envoy's admin interface.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
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
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("--admin %q: want HOST:PORT such as 127.0.0.1:9901, or a URL", address)
	}
	return &Client{base: strings.TrimSuffix(u.String(), "/")}, nil
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
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
	case response.StatusCode != http.StatusOK:
		err = fmt.Errorf("%s: %s: %.200q", path, response.Status, body)
	case len(body) > maxAnswer:
		err = errors.New(path + ": a larger answer than any Envoy's")
	}
	return body, err
}
