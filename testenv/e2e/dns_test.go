package e2e_test

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/dns"
	"wildcard-egress/testenv/poll"
)

// dnsWorld is a gateway whose names all lead to one site, and what DNS says of them.
func dnsWorld(t *testing.T, o testenv.Options) (*testenv.Env, dns.Answer) {
	t.Helper()
	t.Parallel()
	o.Policy, o.WithoutSidecar, o.Sites = wikipedia, true, []string{"*.wikipedia.org"}
	env := testenv.Start(t, o)
	return env, dns.Answer{Addrs: []netip.Addr{env.Upstream.Sites()[0].AddrPort().Addr()}, TTL: 60}
}

func wantReached(t *testing.T, env *testenv.Env, name string) {
	t.Helper()
	if _, err := env.GetDirect(env.App(), name); err != nil {
		t.Error(err)
	}
}

// c-ares takes a server for dead after 250 ms when it has seen quick answers:
// what a recursor has to ask far away for takes longer.
func TestASlowAnswerIsWaitedFor(t *testing.T) {
	env, good := dnsWorld(t, testenv.Options{})
	for i := range 30 {
		wantReached(t, env, fmt.Sprintf("quick-%d.wikipedia.org", i))
	}
	var first sync.Map
	env.DNS.SetFunc("recursor.wikipedia.org", func(q dns.Query) dns.Answer {
		at, _ := first.LoadOrStore(q.Type, q.At)
		answer := good
		answer.Delay = time.Until(at.(time.Time).Add(3500 * time.Millisecond))
		return answer
	})
	slow := good
	slow.Delay = time.Second
	env.DNS.Set("slow.wikipedia.org", slow)
	var both sync.WaitGroup
	for _, name := range []string{"recursor.wikipedia.org", "slow.wikipedia.org"} {
		both.Go(func() { wantReached(t, env, name) })
	}
	both.Wait()
}

// Envoy takes "no such name" for an answer, good for the next minute.
func TestABadAnswerIsNotBelievedForLong(t *testing.T) {
	env, good := dnsWorld(t, testenv.Options{})
	for kind, bad := range map[string]dns.Answer{
		"nxdomain": {Code: miekg.RcodeNameError}, "empty": {}, "servfail": {Code: miekg.RcodeServerFailure},
		"refused": {Code: miekg.RcodeRefused}, "formerr": {Code: miekg.RcodeFormatError}, "notimp": {Code: miekg.RcodeNotImplemented},
	} {
		name := kind + ".wikipedia.org"
		env.DNS.Set(name, bad)
		if _, err := env.GetDirect(env.App(), name); err == nil {
			t.Fatalf("%s: a session without an address", name)
		}
		env.DNS.Set(name, good)
		poll.Want(t, func() error { _, err := env.GetDirect(env.App(), name); return err })
	}
}

func TestALostOrACutAnswerIsAskedForAgain(t *testing.T) {
	env, good := dnsWorld(t, testenv.Options{})
	wantReached(t, env, "quick.wikipedia.org")
	var asked atomic.Int32
	env.DNS.SetFunc("lost.wikipedia.org", func(dns.Query) dns.Answer {
		if asked.Add(1) <= 2 { // one of each family
			return dns.Answer{Silent: true}
		}
		return good
	})
	cut := good
	cut.Cut = true
	for range 200 {
		cut.Addrs = append(cut.Addrs, cut.Addrs[0])
	}
	env.DNS.Set("cut.wikipedia.org", cut)
	alias := good
	alias.CNAME, alias.TTL = "edge.example.net", 1
	env.DNS.Set("alias.wikipedia.org", alias)
	for _, name := range []string{"lost", "cut", "alias"} {
		wantReached(t, env, name+".wikipedia.org")
	}
}

// A DNS pod is replaced, and what comes from the resolver's old source port is
// dropped from then on: Envoy 1.40 would stay with that port for ever.
func TestADeadSourcePortIsLeft(t *testing.T) {
	env, good := dnsWorld(t, testenv.Options{})
	var mu sync.Mutex
	var dying bool
	seen, dead := map[uint16]bool{}, map[uint16]bool{}
	env.DNS.SetFunc("*.wikipedia.org", func(q dns.Query) dns.Answer {
		mu.Lock()
		defer mu.Unlock()
		// The ports in use die, and so does the next one.
		if dying && !seen[q.From.Port()] {
			dying, dead[q.From.Port()] = false, true
		}
		seen[q.From.Port()] = true
		answer := good
		answer.Delay = 150 * time.Millisecond // so that the port is never out of use
		answer.Silent = dead[q.From.Port()]
		return answer
	})
	die := func() {
		mu.Lock()
		defer mu.Unlock()
		dying = true
		for port := range seen {
			dead[port] = true
		}
	}
	wantFreshNames(t, env, die)
}

func TestADeadResolverIsLeft(t *testing.T) {
	second, err := dns.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	env, good := dnsWorld(t, testenv.Options{GatewayFlags: []string{"--dns-resolver", second.Addr()}})
	second.Set("*.wikipedia.org", good)
	wantFreshNames(t, env, func() { env.DNS.Set("*.wikipedia.org", dns.Answer{Silent: true}) })
}

// wantFreshNames asks for ten fresh names a second, and something breaks after
// a second of them. All get through: a client waits that long for its handshake.
func wantFreshNames(t *testing.T, env *testenv.Env, breaks func()) {
	t.Helper()
	var names sync.WaitGroup
	for i := range 40 {
		if i == 10 {
			breaks()
		}
		names.Go(func() { wantReached(t, env, fmt.Sprintf("fresh-%d.wikipedia.org", i)) })
		time.Sleep(100 * time.Millisecond) // the pace is the input
	}
	names.Wait()
}

// One NXDOMAIN at a refresh, and then the name has moved.
func TestAMovedNameIsFollowed(t *testing.T) {
	env, good := dnsWorld(t, testenv.Options{})
	moved, err := env.Upstream.AddTLS("two.wikipedia.org", "moved.wikipedia.org")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	var reached, gone atomic.Bool // a question may come twice: the name moves once it was reached
	env.DNS.SetFunc("moved.wikipedia.org", func(q dns.Query) dns.Answer {
		if q.Type != "A" {
			return dns.Answer{}
		}
		asked.Add(1)
		switch {
		case !reached.Load():
			old := good
			old.TTL = 1
			return old
		case !gone.Swap(true):
			return dns.Answer{Code: miekg.RcodeNameError}
		}
		return dns.Answer{Addrs: []netip.Addr{moved.AddrPort().Addr()}, TTL: 1}
	})
	wantReached(t, env, "moved.wikipedia.org")
	reached.Store(true)
	// 5 s until Envoy asks again, 8 s until it asks after the NXDOMAIN.
	err = poll.For(time.Minute, func() error {
		wantReached(t, env, "moved.wikipedia.org")
		if len(moved.Connections()) == 0 {
			return fmt.Errorf("the new address was not dialled; DNS was asked %d times", asked.Load())
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// The times are shortened here; bootstrap's tests hold the real ones to a minute.
func TestDeadNamesMakeRoomForGoodOnes(t *testing.T) {
	env, good := dnsWorld(t, testenv.Options{EditGateway: func(config []byte) ([]byte, error) {
		return []byte(strings.NewReplacer("max_hosts: 4096", "max_hosts: 10",
			"host_ttl: 30s", "host_ttl: 1s", "dns_refresh_rate: 8s", "dns_refresh_rate: 1s").Replace(string(config))), nil
	}})
	env.DNS.Set("*.wikipedia.org", dns.Answer{Code: miekg.RcodeNameError})
	env.DNS.Set("good.wikipedia.org", good)
	for i := range 10 {
		if _, err := env.GetDirect(env.App(), fmt.Sprintf("dead-%d.wikipedia.org", i)); err == nil {
			t.Fatal("a session with a name that does not exist")
		}
	}
	poll.Want(t, func() error { _, err := env.GetDirect(env.App(), "good.wikipedia.org"); return err })
}
