// Package otlp is a collector of OpenTelemetry's logs, just large enough to see
// what a gateway sends.
package otlp

import (
	"context"
	"net"
	"sync"

	logservicev1 "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"
)

// Collector takes log records by gRPC.
type Collector struct {
	logservicev1.UnimplementedLogsServiceServer
	addr   string
	server *grpc.Server

	mu      sync.Mutex
	records []map[string]string
}

// Start returns a collector on a port of its own. The caller closes it.
func Start() (*Collector, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Collector{addr: listener.Addr().String(), server: grpc.NewServer()}
	logservicev1.RegisterLogsServiceServer(c.server, c)
	go func() { _ = c.server.Serve(listener) }() // until Close
	return c, nil
}

// Addr is its host and port.
func (c *Collector) Addr() string { return c.addr }

// Close ends it.
func (c *Collector) Close() { c.server.Stop() }

// Records are the attributes of the log records that came, those of their resource
// among them.
func (c *Collector) Records() []map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]map[string]string{}, c.records...)
}

// Export is part of the service.
func (c *Collector) Export(_ context.Context, r *logservicev1.ExportLogsServiceRequest) (*logservicev1.ExportLogsServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.GetResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			for _, record := range scope.GetLogRecords() {
				texts := map[string]string{}
				add(texts, resource.GetResource().GetAttributes())
				add(texts, record.GetAttributes())
				c.records = append(c.records, texts)
			}
		}
	}
	return &logservicev1.ExportLogsServiceResponse{}, nil
}

func add(to map[string]string, attributes []*commonv1.KeyValue) {
	for _, a := range attributes {
		to[a.GetKey()] = a.GetValue().GetStringValue()
	}
}
