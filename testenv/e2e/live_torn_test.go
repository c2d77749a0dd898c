package e2e_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	modulefilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/dynamic_modules/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/envoys"
	"wildcard-egress/testenv/poll"
)

// cutting opens upload.wikipedia.org or api.stripe.com to the application
// wherever it loses its end, and mostly stays valid YAML.
const cutting = `version: 1
rules:
  - name: wikipedia
    hosts: ["*.wikipedia.org"]
  - name: payments
    hosts: [api.stripe.com]
    principals: ["spiffe://cluster.local/ns/payments/sa/*"]
  - name: no-uploads
    hosts:
      - upload.wikipedia.org
    action: deny
`

// place is a way in which a policy gets to the gateway.
type place struct {
	file  string // as the module knows it
	write string // what a writer opens; empty: begin does it all
}

// places are made in dir, each with cutting. The single file is mounted alone and
// the small disk mounted in a mount namespace of Envoy's own.
func places(t *testing.T, dir string) map[string]*place {
	t.Helper()
	all := map[string]*place{
		"in place":     {file: "direct/policy.yaml", write: "direct/policy.yaml"},
		"a link":       {file: "link/policy.yaml", write: "elsewhere/policy.yaml"},
		"single mount": {file: "single/policy.yaml", write: "host/policy.yaml"},
		"a full disk":  {file: "disk/policy.yaml"},
		"a ConfigMap":  {file: "volume/policy.yaml"},
	}
	for _, folder := range []string{"direct", "link", "elsewhere", "single", "host", "disk", "volume"} {
		do(t, os.Mkdir(filepath.Join(dir, folder), 0o700))
	}
	for _, file := range []string{"direct/policy.yaml", "elsewhere/policy.yaml", "single/policy.yaml", "host/policy.yaml"} {
		do(t, os.WriteFile(filepath.Join(dir, file), []byte(cutting), 0o600))
	}
	do(t, os.Symlink("../elsewhere/policy.yaml", filepath.Join(dir, "link/policy.yaml")))
	turn(t, filepath.Join(dir, "volume"), cutting+"...\n")
	do(t, os.Symlink("..data/policy.yaml", filepath.Join(dir, "volume/policy.yaml")))
	for _, p := range all {
		p.file = filepath.Join(dir, p.file)
		if p.write != "" {
			p.write = filepath.Join(dir, p.write)
		}
	}
	return all
}

// turn gives a volume new content as the kubelet does.
func turn(t *testing.T, volume, content string) {
	t.Helper()
	fresh, err := os.MkdirTemp(volume, "..") //nolint:usetesting // in the volume
	do(t, err, os.WriteFile(filepath.Join(fresh, "policy.yaml"), []byte(content), 0o600),
		os.Symlink(filepath.Base(fresh), filepath.Join(volume, "..data_tmp")),
		os.Rename(filepath.Join(volume, "..data_tmp"), filepath.Join(volume, "..data")))
}

// inNamespace returns a program that runs Envoy with the mounts.
func inNamespace(t *testing.T, dir string) string {
	t.Helper()
	binary, err := envoys.Find()
	do(t, err)
	user := ""
	if os.Geteuid() != 0 {
		user = "--user --map-root-user "
	}
	program := filepath.Join(dir, filepath.Base(binary))
	do(t, os.WriteFile(program, fmt.Appendf(nil, `#!/bin/sh
exec unshare %s--mount sh -ec 'cd %q
mount --bind host/policy.yaml single/policy.yaml
mount -t tmpfs -o size=16k small disk
cp direct/policy.yaml disk/policy.yaml
exec %q "$@"' sh "$@"
`, user, dir, binary), 0o700))
	return program
}

// withPolicies adds a filter chain for each place. Its name asks for it.
func withPolicies(text []byte, all map[string]*place) ([]byte, error) {
	var b bootstrapv3.Bootstrap
	if err := fromYAML(text, &b); err != nil {
		return nil, err
	}
	listener := b.StaticResources.Listeners[0]
	first := listener.FilterChains[0]
	for name, p := range all {
		chain := proto.Clone(first).(*listenerv3.FilterChain)
		chain.Name, chain.FilterChainMatch = name, &listenerv3.FilterChainMatch{ServerNames: []string{serverNameOf(name)}}
		var filter modulefilterv3.DynamicModuleNetworkFilter
		var config structpb.Struct
		err := errors.Join(ours(chain).GetTypedConfig().UnmarshalTo(&filter), filter.FilterConfig.UnmarshalTo(&config))
		if err != nil {
			return nil, err
		}
		config.Fields["policy_file"] = structpb.NewStringValue(p.file)
		packed := new(anypb.Any)
		filter.FilterConfig = new(anypb.Any)
		if err := errors.Join(filter.FilterConfig.MarshalFrom(&config), packed.MarshalFrom(&filter)); err != nil {
			return nil, err
		}
		ours(chain).ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: packed}
		listener.FilterChains = append(listener.FilterChains, chain)
	}
	return protojson.Marshal(&b)
}

func serverNameOf(name string) string { return strings.ReplaceAll(name, " ", "-") + ".test" }

// Writers stall, die, and fill the disk, wherever the policy lies: nothing that
// the policy denied is allowed at any time, and the next whole policy is taken.
func TestNoPartOfAPolicyIsEverInForce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all := places(t, dir)
	env := testenv.Start(t, testenv.Options{Policy: cutting, WithoutSidecar: true, Envoy: inNamespace(t, dir),
		Sites:       []string{"upload.wikipedia.org", "api.stripe.com", "new.example.net"},
		EditGateway: func(text []byte) ([]byte, error) { return withPolicies(text, all) }})
	wantStats(t, env, map[string]int64{policyLoaded: int64(len(all) + 1), policyStale: 0})
	all["a full disk"].write = fmt.Sprintf("/proc/%d/root%s", env.Gateway.PID(), all["a full disk"].file)

	done := make(chan struct{})
	var probing, writing sync.WaitGroup
	for name := range all {
		probing.Go(func() { probe(t, env, serverNameOf(name), done) })
	}
	for name, p := range all {
		writing.Go(func() { tear(t, name, p) })
	}
	writing.Wait()
	close(done)
	probing.Wait()
	wantStats(t, env, map[string]int64{policyLoaded: int64(len(all) + 1), policyStale: 1, "wildcard_egress.allowed": 0})

	whole := strings.ReplaceAll(cutting, "*.wikipedia.org", "new.example.net") + "...\n"
	for name, p := range all {
		if name == "a ConfigMap" {
			turn(t, filepath.Dir(p.file), whole)
		} else {
			do(t, os.WriteFile(p.write, []byte(whole), 0o600))
		}
	}
	poll.Want(t, func() error {
		for name := range all {
			if _, err := env.GetDirect(client.Outer{Certificate: env.Identities.App, ServerName: serverNameOf(name)}, "new.example.net"); err != nil {
				return fmt.Errorf("%s: the whole policy is not in force: %w", name, err)
			}
		}
		return nil
	})
}

// probe asks for what is denied until done is closed.
func probe(t *testing.T, env *testenv.Env, outer string, done <-chan struct{}) {
	t.Helper()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case <-done:
			tick.Stop()
			return
		case <-tick.C:
		}
		for _, denied := range []string{"upload.wikipedia.org", "api.stripe.com"} {
			if _, err := env.GetDirect(client.Outer{Certificate: env.Identities.App, ServerName: outer}, denied); err == nil {
				t.Errorf("%s: %s was allowed", outer, denied)
			}
		}
	}
}

// tear leaves a part of a policy in every way that a place has.
func tear(t *testing.T, name string, p *place) {
	t.Helper()
	pause := func(d time.Duration) { <-time.After(d) } // what a writer does is what is tried
	switch name {
	case "a ConfigMap":
		for cut := 0; cut < len(cutting); cut += 7 {
			turn(t, filepath.Dir(p.file), cutting[:cut])
			pause(10 * time.Millisecond)
		}
		return
	case "a full disk":
		line := strings.Repeat("#", 63) + "\n" // so that every page ends with a line
		head := "version: 1\nrules:\n- {name: all, hosts: ['*']}\n"
		big := head + strings.Repeat("#", 63-len(head)%64) + "\n" + strings.Repeat(line, 1000) + cutting
		if err := os.WriteFile(p.write, []byte(big), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the disk is not full: %v", err)
		}
		if left, err := os.ReadFile(p.write); err != nil || len(left) == 0 || left[len(left)-1] != '\n' {
			t.Errorf("%d bytes left, %v; want a part that ends with a line", len(left), err)
		}
		pause(200 * time.Millisecond)
		return
	}
	for cut := range len(cutting) {
		if err := os.WriteFile(p.write, []byte(cutting[:cut]), 0o600); err != nil {
			t.Error(err)
		}
		if cut%25 == 0 || strings.HasSuffix(cutting[:cut], "\n") {
			pause(150 * time.Millisecond) // the writer has died
		}
	}
	f, err := os.OpenFile(p.write, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Error(err)
		return
	}
	half := strings.Index(cutting, "    principals")
	_, err = f.WriteString(cutting[:half])
	pause(5 * time.Second) // it stalls
	_, err2 := f.WriteString(cutting[half : half+1])
	if err := errors.Join(err, err2, f.Close()); err != nil {
		t.Error(err)
	}
	pause(150 * time.Millisecond)
}
