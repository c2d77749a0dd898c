package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
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
)

func do(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// The policy lies in a volume as the kubelet makes it of a ConfigMap, and is
// then changed in all ways that people and programs have. Package livepolicy
// tries more of them.
func TestEveryChangeOfTheFileIsInForceSoon(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, "policy", name) }
	write := func(name, content string) error { return os.WriteFile(in(name), []byte(content), 0o600) }
	env, _ := startEcho(t, testenv.Options{Policy: editNumber(0), Dir: dir, WithoutSidecar: true,
		EditGateway: func(bootstrap []byte) ([]byte, error) {
			do(t, os.Mkdir(in("..2024"), 0o700), os.Rename(in("policy.yaml"), in("..2024/policy.yaml")),
				os.Symlink("..2024", in("..data")), os.Symlink("..data/policy.yaml", in("policy.yaml")))
			return bootstrap, nil
		}})
	talk := talkAll(openStreams(t, env, 20, "live.example.net"), talkEvery, talkBytes)
	for i, change := range []struct {
		name string
		to   func(policy string) error
	}{
		{name: "the kubelet turns ..data", to: func(policy string) error {
			do(t, os.Mkdir(in("..2025"), 0o700), write("..2025/policy.yaml", policy),
				os.Symlink("..2025", in("..data_tmp")), os.Rename(in("..data_tmp"), in("..data")))
			return os.RemoveAll(in("..2024"))
		}},
		{name: "an editor renames", to: env.WritePolicy},
		{name: "it is truncated and written", to: func(policy string) error {
			do(t, os.Truncate(env.PolicyFile, 0))
			return write("policy.yaml", policy+"...\n") // in place: only with the end mark
		}},
		{name: "it is deleted and created", to: func(policy string) error {
			do(t, os.Remove(env.PolicyFile))
			return write("policy.yaml", policy+"...\n") // in place: only with the end mark
		}},
	} {
		version := stat(t, env, policyVersion)
		began := time.Now()
		do(t, change.to(editNumber(i+1)))
		within(t, inForce, func() error {
			if stat(t, env, policyVersion) == version || stat(t, env, policyStale) != 0 {
				return fmt.Errorf("%s: not in force", change.name)
			}
			return nil
		})
		t.Logf("%s: in force after %v", change.name, time.Since(began).Round(time.Millisecond))
		s, err := openStream(env, hello(fmt.Sprintf("h%d.example.org", i+1)))
		if err != nil {
			t.Fatalf("%s: %v", change.name, err)
		}
		s.conn.Close()
	}
	failIfAny(t, "streams were cut or altered", talk.stop())
}

// The gauges are those of all policies together: a good one must not hide that
// another is stale.
func TestOneStalePolicyOfTwoIsSeen(t *testing.T) {
	dir := t.TempDir()
	second := filepath.Join(dir, "second.yaml")
	env, _ := startEcho(t, testenv.Options{Policy: policyOf(live), Dir: dir, WithoutSidecar: true,
		EditGateway: func(bootstrap []byte) ([]byte, error) {
			do(t, os.WriteFile(second, []byte(policyOf(closing, keeping)), 0o600))
			return withSecondPolicy(bootstrap, second)
		}})
	wantStats(t, env, map[string]int64{policyRules: 3, policyStale: 0, policyLoaded: 2})
	do(t, os.WriteFile(second, []byte(mistaken+"...\n"), 0o600))
	wantStats(t, env, map[string]int64{policyRules: 3, policyStale: 1, policyRejected: 1})
	edit(t, env, policyOf(live, closing))
	wantStats(t, env, map[string]int64{policyRules: 4, policyStale: 1})
	do(t, os.WriteFile(second, []byte(policyOf(closing)+"...\n"), 0o600))
	wantStats(t, env, map[string]int64{policyRules: 3, policyStale: 0})
}

// withSecondPolicy adds a filter chain that reads another file. Nobody asks for
// its server name.
func withSecondPolicy(text []byte, file string) ([]byte, error) {
	var b bootstrapv3.Bootstrap
	if err := fromYAML(text, &b); err != nil {
		return nil, err
	}
	listener := b.StaticResources.Listeners[0]
	chain := proto.Clone(listener.FilterChains[0]).(*listenerv3.FilterChain)
	chain.Name, chain.FilterChainMatch = "second", &listenerv3.FilterChainMatch{ServerNames: []string{"second.test"}}
	var filter modulefilterv3.DynamicModuleNetworkFilter
	err := ours(chain).GetTypedConfig().UnmarshalTo(&filter)
	if err != nil {
		return nil, err
	}
	filter.FilterConfig, err = anypb.New(&structpb.Struct{Fields: map[string]*structpb.Value{"policy_file": structpb.NewStringValue(file)}})
	if err != nil {
		return nil, err
	}
	packed, err := anypb.New(&filter)
	if err != nil {
		return nil, err
	}
	ours(chain).ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: packed}
	listener.FilterChains = append(listener.FilterChains, chain)
	return protojson.Marshal(&b)
}
