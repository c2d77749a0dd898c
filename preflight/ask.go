package preflight

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"wildcard-egress/internal/admin"
)

// Ask returns the body of a GET of Envoy's admin interface. path begins with a
// slash and may have a query.
type Ask func(path string) ([]byte, error)

const askTimeout = 30 * time.Second // of one question to kubectl or the resolver

// How long all questions to one admin interface may take together: an answer may
// come byte by byte.
const (
	InspectWithin = time.Minute
	// ReadyWithin is below the timeout of the startupProbe (bootstrap/istio), so
	// that the reason is seen.
	ReadyWithin = 4 * time.Second
)

// Admin asks at HOST:PORT or at a URL such as http://127.0.0.1:9901. All its
// questions have so much time from now.
func Admin(ctx context.Context, address string, within time.Duration) (Ask, error) {
	client, err := admin.New(address)
	if err != nil {
		return nil, err
	}
	end := time.Now().Add(within)
	return func(path string) ([]byte, error) {
		ctx, cancel := context.WithDeadline(ctx, end)
		defer cancel()
		body, err := client.Get(ctx, path)
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no whole answer within %v; check the address, or ask again when Envoy is less busy", within)
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
		out, err := kubectl(append(args[:len(args):len(args)], strings.TrimPrefix(path, "/"))...)
		return agentLog.ReplaceAll(out, nil), err
	}
}

// agentLog is what the agent logs to stdout before Envoy's answer, such as that
// the image has no CA certificates.
var agentLog = regexp.MustCompile(`\A(?:\d{4}-\d\d-\d\dT\S+Z\t(?:debug|info|warn|error)\t.*\n)+`)
