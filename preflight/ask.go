package preflight

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Ask returns the body of a GET of Envoy's admin interface. path begins with a
// slash and may have a query.
type Ask func(path string) ([]byte, error)

const (
	askTimeout = 30 * time.Second
	// maxAnswer bounds an answer: the config_dump of a gateway in a large mesh
	// has some ten megabytes.
	maxAnswer = 256 << 20
)

// Admin asks at HOST:PORT or at a URL such as http://127.0.0.1:9901.
func Admin(ctx context.Context, address string) (Ask, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("--admin %q: want HOST:PORT such as 127.0.0.1:9901, or a URL", address)
	}
	base := strings.TrimSuffix(u.String(), "/")
	client := &http.Client{Timeout: askTimeout}
	return func(path string) ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
		if err != nil {
			return nil, err
		}
		response, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err == nil && response.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s: %.200q", path, response.Status, body)
		}
		return body, err
	}, nil
}

// Pod asks through Istio's agent in the proxy of a pod, as istioctl does.
// Without a namespace it is kubectl's own.
func Pod(kubectl Kubectl, namespace, pod string) Ask {
	args := []string{"exec", pod, "-c", "istio-proxy"}
	if namespace != "" {
		args = append(args, "-n", namespace)
	}
	args = append(args, "--", "pilot-agent", "request", "GET")
	return func(path string) ([]byte, error) {
		return kubectl(append(args[:len(args):len(args)], strings.TrimPrefix(path, "/"))...)
	}
}
