// Package controlplane is an xDS server of a test.
package controlplane

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	serverv3 "github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/anypb"
)

// Server hands out extension configurations (ECDS)
// over an aggregated stream, as istiod does. Every Envoy gets the same.
type Server struct {
	listener net.Listener
	server   *grpc.Server
	cache    cachev3.SnapshotCache
	stop     context.CancelFunc

	mu      sync.Mutex
	version int
	nacks   []string
}

// sameForAll is the one key of the snapshots.
type sameForAll struct{}

func (sameForAll) ID(*corev3.Node) string { return "all" }

// Start starts a control plane that has nothing to hand out yet.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("control plane: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &Server{
		listener: listener,
		server:   grpc.NewServer(),
		cache:    cachev3.NewSnapshotCache(true, sameForAll{}, nil),
		stop:     stop,
	}
	callbacks := serverv3.CallbackFuncs{StreamRequestFunc: c.hear}
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(c.server, serverv3.NewServer(ctx, c.cache, callbacks))
	go func() { _ = c.server.Serve(listener) }() // it ends with Close
	return c, nil
}

// Port returns the port on 127.0.0.1 where it serves gRPC, without TLS.
func (c *Server) Port() uint16 { return uint16(c.listener.Addr().(*net.TCPAddr).Port) }

// SetExtension hands out config under name from now on, and nothing else.
func (c *Server) SetExtension(name string, config *anypb.Any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	snapshot, err := cachev3.NewSnapshot(strconv.Itoa(c.version), map[resourcev3.Type][]types.Resource{
		resourcev3.ExtensionConfigType: {&corev3.TypedExtensionConfig{Name: name, TypedConfig: config}},
	})
	if err != nil {
		return fmt.Errorf("control plane: %w", err)
	}
	return c.cache.SetSnapshot(context.Background(), "all", snapshot)
}

// Refusals returns what Envoys have said against configurations.
func (c *Server) Refusals() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.nacks...)
}

// Close stops it and cuts its streams.
func (c *Server) Close() error {
	c.stop()
	c.server.Stop()
	return nil
}

func (c *Server) hear(_ int64, request *discoveryv3.DiscoveryRequest) error {
	if detail := request.GetErrorDetail(); detail != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.nacks = append(c.nacks, detail.GetMessage())
	}
	return nil
}
