package cluster

import (
	"maps"
	"os"
	"path/filepath"

	"wildcard-egress/testenv/built"
	"wildcard-egress/testenv/envoys"
)

// The images, by the names that they are imported under.
const (
	AppImage     = "localhost/app:1"
	GatewayImage = "localhost/wildcard-egress:1"
	proxyImage   = "localhost/proxyv2:1" // as istioctl is told by hub and tag
	pilotImage   = "localhost/pilot:1"
	ModuleImage  = "localhost/module:1" // for --delivery mount: the module and the command alone
	BareImage    = "localhost/bare:1"   // as GatewayImage, without the module
)

// Where the manifests look for what is in the image.
const (
	commandFile = "/usr/local/bin/wildcard-egress"
	moduleFile  = "/usr/local/lib/wildcard-egress/libwildcard_egress.so"
)

// Images returns all images that the tests need. dir has bin/ and share/ as get
// leaves them. The Envoy is the chosen one, not Istio's own build, which no Go
// module has.
func Images(dir string) ([]*Image, error) {
	bin := func(name string) string { return filepath.Join(dir, "bin", name) }
	build, err := built.Dir()
	if err != nil {
		return nil, err
	}
	envoy, err := envoys.Find()
	if err != nil {
		return nil, err
	}
	bootstrap, err := os.ReadFile(filepath.Join(dir, "share", "envoy_bootstrap.json"))
	if err != nil {
		return nil, err
	}
	app := newImage(AppImage, "/app")
	app.User = "1000:1000" // Istio leaves alone what its own user 1337 sends
	pilot := newImage(pilotImage, "/usr/local/bin/pilot-discovery")
	proxy := newImage(proxyImage, "/usr/local/bin/pilot-agent")
	module := newImage(ModuleImage, commandFile)
	for _, n := range []struct {
		image       *Image
		at, program string
	}{
		{app, "/app", bin("app")},
		{pilot, "/usr/local/bin/pilot-discovery", bin("pilot-discovery")},
		{proxy, "/usr/local/bin/pilot-agent", bin("pilot-agent")},
		{proxy, "/usr/local/bin/envoy", envoy},
		{proxy, "/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-nft-multi"},
		{module, commandFile, filepath.Join(build, "wildcard-egress")},
	} {
		if err := n.image.Needs(n.at, n.program); err != nil {
			return nil, err
		}
	}
	if err := addRules(proxy); err != nil {
		return nil, err
	}
	proxy.Files["/etc/ssl/certs/ca-certificates.crt"] = "/etc/ssl/certs/ca-certificates.crt"
	proxy.Content["/var/lib/istio/envoy/envoy_bootstrap_tmpl.json"] = bootstrap
	module.Files[moduleFile] = filepath.Join(build, "libwildcard_egress.so")
	bare := proxy.With(BareImage, commandFile, module.Files[commandFile])
	gateway := bare.With(GatewayImage, moduleFile, module.Files[moduleFile])
	return []*Image{app, pilot, proxy, module, bare, gateway}, nil
}

func newImage(name, entrypoint string) *Image {
	return &Image{Name: name, Entrypoint: []string{entrypoint}, User: "1337:1337",
		Files: map[string]string{}, Links: map[string]string{}, Content: map[string][]byte{}}
}

// With returns the image with one more file, under another name.
func (i *Image) With(name, at, file string) *Image {
	more := *i
	more.Name, more.Files = name, maps.Clone(i.Files)
	more.Files[at] = file
	return &more
}

// addRules adds what Istio's init container changes a pod's netfilter rules with.
func addRules(proxy *Image) error {
	extensions, err := filepath.Glob("/usr/lib/x86_64-linux-gnu/xtables/libxt_*.so")
	if err != nil {
		return err
	}
	for _, file := range extensions {
		proxy.Files[file] = file
	}
	for _, family := range []string{"iptables", "ip6tables"} {
		for _, name := range []string{"", "-save", "-restore", "-nft", "-nft-save", "-nft-restore"} {
			proxy.Links["/usr/sbin/"+family+name] = "xtables-nft-multi"
		}
	}
	return nil
}
