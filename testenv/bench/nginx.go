package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
)

// nginxModules has the module stream where Debian puts it.
const nginxModules = "/usr/lib/nginx/modules/ngx_stream_module.so"

// nginxConfig takes two hops: the first ends the mTLS, the second reads the
// inner server name, which nginx can do only of what comes in on a socket.
var nginxConfig = template.Must(template.New("nginx").Parse(`
load_module {{.Module}};
{{if .Root}}user root;{{end}} # the folder is its owner's alone
daemon off;
worker_processes {{.Workers}};
worker_rlimit_nofile 20000;
pid {{.Dir}}/{{.File}}.pid;
error_log {{.Dir}}/{{.File}}.log error;
events { worker_connections 18000; }
stream {
  log_format line '$time_iso8601 $remote_addr $ssl_preread_server_name $upstream_addr $status $bytes_sent $bytes_received $session_time';
  resolver {{.Resolver}} ipv6=off valid=1h;
  proxy_connect_timeout 5s;
  proxy_timeout 1h;
  preread_timeout 5m;
  map_hash_bucket_size 128;
  map_hash_max_size 262144;
  map $ssl_preread_server_name $target {
    hostnames;
    include {{.Dir}}/{{.File}}.hosts;
  }
{{- if .TLS}}
  server {
    listen 127.0.0.1:{{.Port}} ssl;
    ssl_protocols TLSv1.3;
    ssl_certificate {{.Cert}};
    ssl_certificate_key {{.Key}};
    ssl_client_certificate {{.CA}};
    ssl_verify_client on;
    ssl_alpn istio;
    proxy_pass unix:{{.Dir}}/{{.File}}.sock;
  }
{{- end}}
  server {
    listen {{if .TLS}}unix:{{.Dir}}/{{.File}}.sock{{else}}127.0.0.1:{{.Port}}{{end}};
    access_log {{.Dir}}/{{.File}}.access.log line buffer=64k flush=1s;
    ssl_preread on;
    proxy_pass $target;
  }
}
`))

func (w *world) startNginx(ctx context.Context, s setup) (*proxy, error) {
	binary, err := serverPath(nginx)
	if err == nil {
		if _, err = os.Stat(nginxModules); err != nil {
			err = fmt.Errorf("nginx has no module stream: %w; get it: make bench-deps", err)
		}
	}
	if err != nil {
		return nil, err
	}
	p := w.newProxy(nginx, s)
	writeHosts := func(hosts []string) error { return w.write(p.file+".hosts", w.nginxHosts(hosts)) }
	p.edit = func(hosts []string) error {
		if err := writeHosts(hosts); err != nil {
			return err
		}
		pids, err := p.processes()
		if err != nil {
			return err
		}
		return syscall.Kill(pids[0], syscall.SIGHUP) // the master
	}
	return p, w.startServer(ctx, p, s, func(port string) (*exec.Cmd, error) {
		var config bytes.Buffer
		err := nginxConfig.Execute(&config, map[string]any{
			"Workers": s.workers, "Dir": w.dir, "File": p.file, "TLS": s.handshake.tls(), "Port": port,
			"Cert": w.files.cert, "Key": w.files.key, "CA": w.files.ca, "Resolver": w.dns.Addr(), "Module": nginxModules,
			"Root": os.Geteuid() == 0,
		})
		if err != nil {
			return nil, err
		}
		if err := w.write(p.file+".conf", config.Bytes()); err != nil {
			return nil, err
		}
		cmd := exec.Command(binary, "-p", w.dir, "-e", p.file+".log", "-c", filepath.Join(w.dir, p.file+".conf"))
		cmd.Env = append(os.Environ(), "NGINX=3;") // how an nginx takes over the listeners of another
		return cmd, writeHosts(s.hosts)
	})
}

// nginxHosts returns the map's lines: what is not in it gets no target.
func (w *world) nginxHosts(hosts []string) []byte {
	var b strings.Builder
	for _, host := range hosts {
		fmt.Fprintf(&b, "%s $ssl_preread_server_name:%d;\n", host, w.upstream.addr().Port())
	}
	return []byte(b.String())
}
