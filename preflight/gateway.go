package preflight

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
)

// Gateway is what the admin interface says of a running gateway. Of the
// config_dump it reads what it needs and no more: a mesh's proxy has types in
// it that only that proxy knows.
type Gateway struct {
	// GuardAllow are the ranges that the gateway's guard is meant to let through,
	// as it was rendered with --guard-allow.
	GuardAllow []netip.Prefix

	port uint16
	err  error // why nothing below is known

	version      string
	state        string
	listenerName string // of the open port; empty: it is not open
	listener     *dumpedListener
	refused      string // why the newest listener was refused; empty: it was not
	clusters     map[string]dumpedCluster
	extensions   map[string]typed // by ECDS
	stats        map[string]uint64
	certificates []certificate
}

type certificate struct {
	Serial    string    `json:"serial_number"`
	ValidFrom time.Time `json:"valid_from"`
	Expires   time.Time `json:"expiration_time"`
}

// Read asks everything. What can not be read is a failure of the first check.
func Read(ask Ask, port uint16) *Gateway {
	g := &Gateway{port: port, clusters: map[string]dumpedCluster{}, extensions: map[string]typed{}, stats: map[string]uint64{}}
	for _, part := range []struct {
		path string
		read func([]byte) error
	}{
		{"/server_info", g.readServerInfo},
		{"/listeners?format=json", g.readListeners},
		{"/config_dump", g.readConfigDump},
		{"/stats?format=json&filter=" + `^wildcard_egress\.policy_`, g.readStats},
		{"/certs", g.readCertificates},
	} {
		body, err := ask(part.path)
		if err == nil {
			err = part.read(body)
		}
		if err != nil {
			g.err = fmt.Errorf("%s: %w", part.path, err)
			return g
		}
	}
	return g
}

func (g *Gateway) readServerInfo(body []byte) error {
	var info struct{ Version, State string }
	err := json.Unmarshal(body, &info)
	g.version, g.state = info.Version, info.State
	return err
}

func (g *Gateway) readListeners(body []byte) error {
	var answer struct {
		Statuses []struct {
			Name    string `json:"name"`
			Address struct {
				Socket struct {
					Port uint16 `json:"port_value"`
				} `json:"socket_address"`
			} `json:"local_address"`
		} `json:"listener_statuses"`
	}
	err := json.Unmarshal(body, &answer)
	for _, s := range answer.Statuses {
		if s.Address.Socket.Port == g.port {
			g.listenerName = s.Name
		}
	}
	return err
}

func (g *Gateway) readStats(body []byte) error {
	var answer struct {
		Stats []struct {
			Name  string          `json:"name"`
			Value json.RawMessage `json:"value"`
		} `json:"stats"`
	}
	err := json.Unmarshal(body, &answer)
	for _, s := range answer.Stats {
		var value uint64
		if s.Name != "" && json.Unmarshal(s.Value, &value) == nil {
			g.stats[s.Name] = value
		}
	}
	return err
}

func (g *Gateway) readCertificates(body []byte) error {
	var answer struct {
		Certificates []struct {
			CA    []certificate `json:"ca_cert"`
			Chain []certificate `json:"cert_chain"`
		} `json:"certificates"`
	}
	err := json.Unmarshal(body, &answer)
	for _, c := range answer.Certificates {
		g.certificates = append(append(g.certificates, c.CA...), c.Chain...)
	}
	return err
}
