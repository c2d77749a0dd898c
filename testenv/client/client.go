// Package client dials as an application does through its sidecar, or as somebody
// who goes straight to the gateway.
package client

import (
	"bufio"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"wildcard-egress/testenv/certs"
	"wildcard-egress/testenv/ztunnel"
)

// OuterServerName is the server name of the outer TLS session as Istio's
// sidecars send it.
const OuterServerName = "outbound_.443_.wildcard_.egressgateway.istio-egress.svc.cluster.local"

// DialTimeout is the deadline of connections made here, for all that is done
// with them, so that no test hangs. SetDeadline moves it.
const DialTimeout = 30 * time.Second

// Conn is a TCP or TLS connection.
type Conn interface {
	net.Conn
	CloseWrite() error
}

// Outer is how a client presents itself to the gateway. The zero value comes
// without a certificate.
type Outer struct {
	Certificate *tls.Certificate
	ServerName  string // default: OuterServerName
	// Sessions, unless nil, are those that it resumes, and where it keeps new ones.
	Sessions tls.ClientSessionCache
	Version  uint16 // of TLS, such as tls.VersionTLS12; 0: the newest
	From     string // the source's IP address, such as 127.0.0.2; default: the kernel's choice
	Port     uint16 // that ztunnel says the application dialled; default: 443
}

// Client knows the way to the sidecar and to the gateway, and whom to trust.
type Client struct {
	SidecarAddr string // host:port
	GatewayAddr string
	Plain       bool // the gateway speaks TCP, not mTLS
	// Ztunnel is the application's; nil but in ambient mode, where it is the way to
	// the gateway and there is no sidecar.
	Ztunnel       *ztunnel.Dialer
	Identities    *certs.Identities
	SiteAuthority *certs.Authority // issued the sites' certificates
}

// App returns how the sidecar presents itself.
func (c *Client) App() Outer { return Outer{Certificate: c.Identities.App} }

// DialSidecar connects to the sidecar as the application would, by TCP.
func (c *Client) DialSidecar() (Conn, error) {
	if c.Ztunnel != nil {
		return c.DialGateway(c.App())
	}
	return dialTCP(c.SidecarAddr, "")
}

// VIP is the address that ztunnel's DNS gives for all hosts of a policy.
var VIP = netip.MustParseAddr("240.250.0.1")

// DialGateway connects straight to the gateway, past the sidecar. What is
// written to the connection is the inner byte stream. A plain gateway
// speaks TCP, and of o only From is used.
func (c *Client) DialGateway(o Outer) (Conn, error) {
	if c.Ztunnel != nil {
		return c.Ztunnel.Dial(o.Certificate, netip.AddrPortFrom(VIP, cmp.Or(o.Port, 443)))
	}
	conn, err := dialTCP(c.GatewayAddr, o.From)
	if err != nil || c.Plain {
		return conn, err
	}
	outer := tls.Client(conn, c.outerConfig(o))
	if err := outer.Handshake(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("gateway: %w", err)
	}
	return outer, nil
}

func dialTCP(addr, from string) (Conn, error) {
	dialer := net.Dialer{Timeout: DialTimeout}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), conn.SetDeadline(time.Now().Add(DialTimeout))
}

// outerConfig checks the gateway's certificate by the mesh's authority alone:
// SPIFFE certificates have no host name for crypto/tls to compare.
func (c *Client) outerConfig(o Outer) *tls.Config {
	roots := c.Identities.Authority.Pool()
	config := &tls.Config{
		ServerName:         cmp.Or(o.ServerName, OuterServerName),
		NextProtos:         []string{"istio"},
		InsecureSkipVerify: true, // replaced by VerifyConnection
		VerifyConnection: func(s tls.ConnectionState) error {
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots})
			return err
		},
	}
	config.ClientSessionCache, config.MaxVersion = o.Sessions, o.Version
	if o.Certificate != nil {
		config.Certificates = []tls.Certificate{*o.Certificate}
	}
	return config
}

// Handshake runs the inner TLS handshake over conn and checks that the site's
// certificate is for serverName. conn is closed on error.
func (c *Client) Handshake(conn net.Conn, serverName string) (*tls.Conn, error) {
	inner := tls.Client(conn, &tls.Config{ServerName: serverName, RootCAs: c.SiteAuthority.Pool()})
	if err := inner.Handshake(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%s: %w", serverName, err)
	}
	return inner, nil
}

// Dial opens a TLS session with serverName through sidecar and gateway.
func (c *Client) Dial(serverName string) (*tls.Conn, error) {
	conn, err := c.DialSidecar()
	if err != nil {
		return nil, err
	}
	return c.Handshake(conn, serverName)
}

// DialDirect opens a TLS session with serverName through the gateway alone.
func (c *Client) DialDirect(o Outer, serverName string) (*tls.Conn, error) {
	conn, err := c.DialGateway(o)
	if err != nil {
		return nil, err
	}
	return c.Handshake(conn, serverName)
}

// Get asks serverName for / through sidecar and gateway, and returns the name
// of the site that answered.
func (c *Client) Get(serverName string) (site string, err error) {
	conn, err := c.Dial(serverName)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return Ask(conn)
}

// GetDirect is Get through the gateway alone.
func (c *Client) GetDirect(o Outer, serverName string) (site string, err error) {
	conn, err := c.DialDirect(o, serverName)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return Ask(conn)
}

// Ask sends one HTTP request and returns the name of the site that answered.
// conn can be used again.
func Ask(conn *tls.Conn) (site string, err error) {
	body, err := Exchange(conn, "/", "")
	return strings.TrimSuffix(string(body), "\n"), err
}

// Exchange posts content to path over conn and returns the answer's body; at
// sites.EchoPath that is content again. conn can be used again.
func Exchange(conn *tls.Conn, path, content string) ([]byte, error) {
	host := conn.ConnectionState().ServerName
	request, err := http.NewRequest(http.MethodPost, "https://"+host+path, strings.NewReader(content))
	if err != nil {
		return nil, err
	}
	if err := request.Write(conn); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
