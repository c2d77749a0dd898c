package preflight

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
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

// part is one question, and what takes its answer.
type part struct {
	path string
	take func(*Gateway, []byte) error
}

// What tells whether the gateway serves is cheap to ask; the rest can have many
// megabytes.
var (
	servingParts = []part{
		{"/server_info", (*Gateway).readServerInfo},
		{"/listeners?format=json", (*Gateway).readListeners},
		{"/stats?format=json&filter=" + `^(wildcard_egress\.(policy_|failed\.|denied\.|log_lines_)|dns_cache\.wildcard_egress\.)`, (*Gateway).readStats},
	}
	otherParts = []part{
		{"/config_dump", (*Gateway).readConfigDump},
		{"/certs", (*Gateway).readCertificates},
	}
)

// Read asks everything. What can not be read is a failure of the first check.
func Read(ask Ask, port uint16) *Gateway {
	g := read(ask, port, servingParts, otherParts)
	if g.err == nil && g.listener == nil && g.listenerName != "" {
		g.err = fmt.Errorf("/config_dump: no listener %q", g.listenerName)
	}
	return g
}

func read(ask Ask, port uint16, groups ...[]part) *Gateway {
	g := &Gateway{port: port, clusters: map[string]dumpedCluster{}, extensions: map[string]typed{}, stats: map[string]uint64{}}
	for _, p := range slices.Concat(groups...) {
		body, err := ask(p.path)
		if err == nil {
			err = notEnvoy(p.take(g, body))
		}
		if err != nil {
			g.err = fmt.Errorf("%s: %w", p.path, err)
			break
		}
	}
	return g
}

// notEnvoy says of what is no JSON, or another one, what that means to who asked.
func notEnvoy(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) {
		return errors.New("not what Envoy's admin interface answers; check the address")
	}
	return err
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
