package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

// haproxyConfig does what the gateway does, as its manual teaches it: ends the
// mTLS, reads the inner server name, resolves it and goes there.
var haproxyConfig = template.Must(template.New("haproxy").Parse(`
global
  nbthread {{.Workers}}
  maxconn 8192
  log stdout len 2048 format raw local0
  stats socket {{.Dir}}/{{.File}}.sock mode 600 level admin
  ssl-default-bind-options ssl-min-ver TLSv1.3
resolvers bench
  nameserver dns {{.Resolver}}
  hold valid 1h
  accepted_payload_size 4096
defaults
  mode tcp
  log global
  option tcplog
  option dontlognull
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend egress
  bind fd@3{{if .TLS}} ssl crt {{.Dir}}/haproxy.pem ca-file {{.CA}} verify required alpn istio{{end}}
  tcp-request inspect-delay 5m
  tcp-request content set-var(sess.name) req.ssl_sni if { req.ssl_hello_type 1 }
  acl allowed var(sess.name) -m str -f {{.Dir}}/{{.File}}.exact
  acl allowed var(sess.name) -m end -f {{.Dir}}/{{.File}}.below
  tcp-request content reject if { req.ssl_hello_type 1 } !allowed
  tcp-request content do-resolve(sess.addr,bench,ipv4) var(sess.name) if allowed
  tcp-request content set-dst var(sess.addr) if allowed
  tcp-request content set-dst-port int({{.UpstreamPort}}) if allowed
  tcp-request content accept if { var(sess.addr) -m found }
  tcp-request content reject if { req.ssl_hello_type 1 }
  default_backend anywhere
backend anywhere
  server any 0.0.0.0:0
`))

func (w *world) startHAProxy(ctx context.Context, s setup) (*proxy, error) {
	binary, err := serverPath(haproxy)
	if err != nil {
		return nil, err
	}
	p := w.newProxy(haproxy, s)
	exact, below := haproxyHosts(s.hosts)
	known := map[string]bool{}
	for _, host := range s.hosts {
		known[host] = true
	}
	p.edit = func(hosts []string) error { return w.haproxyAdd(p, hosts, known) }
	return p, w.startServer(ctx, p, s, func(string) (*exec.Cmd, error) {
		var config bytes.Buffer
		err := haproxyConfig.Execute(&config, map[string]any{
			"Workers": s.workers, "Dir": w.dir, "File": p.file, "TLS": s.handshake.tls(), "CA": w.files.ca,
			"Resolver": w.dns.Addr(), "UpstreamPort": w.upstream.addr().Port(),
		})
		if err != nil {
			return nil, err
		}
		for name, content := range map[string][]byte{
			p.file + ".cfg": config.Bytes(), p.file + ".exact": exact, p.file + ".below": below,
		} {
			if err := w.write(name, content); err != nil {
				return nil, err
			}
		}
		return exec.Command(binary, "-db", "-f", filepath.Join(w.dir, p.file+".cfg")), w.writeBundle()
	})
}

// writeBundle writes certificate and key into one file, as HAProxy wants it.
func (w *world) writeBundle() error {
	var bundle []byte
	for _, path := range []string{w.files.cert, w.files.key} {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		bundle = append(bundle, text...)
	}
	return w.write("haproxy.pem", bundle)
}

// haproxyHosts returns the two lists: *.example.com is the end .example.com.
func haproxyHosts(hosts []string) (exact, below []byte) {
	for _, host := range hosts {
		if suffix, ok := strings.CutPrefix(host, "*"); ok {
			below = append(below, suffix+"\n"...)
		} else {
			exact = append(exact, host+"\n"...)
		}
	}
	return exact, below
}

// haproxyAdd adds the hosts that are new, over the runtime API.
func (w *world) haproxyAdd(p *proxy, hosts []string, known map[string]bool) error {
	for _, host := range hosts {
		if known[host] {
			continue
		}
		known[host] = true
		list, pattern := ".exact", host
		if suffix, ok := strings.CutPrefix(host, "*"); ok {
			list, pattern = ".below", suffix
		}
		if err := w.haproxyCommand(p, fmt.Sprintf("add acl %s/%s%s %s", w.dir, p.file, list, pattern)); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) haproxyCommand(p *proxy, command string) error {
	conn, err := net.DialTimeout("unix", filepath.Join(w.dir, p.file+".sock"), clientTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(clientTimeout)); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(conn, command); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err == nil && len(bytes.TrimSpace(answer)) > 0 {
		err = fmt.Errorf("%s: %s: %q", p.name, command, answer)
	}
	return err
}
