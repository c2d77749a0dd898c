package e2e_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"wildcard-egress/testenv"
	"wildcard-egress/testenv/client"
	"wildcard-egress/testenv/dns"
)

// One caller asks for 400 random names a second, half of which do not exist.
// Another's fresh names all resolve, while it does and afterwards, when the names
// leave Envoy's cache. WILDCARD_EGRESS_LONG has it last five minutes, and as long
// behind it: that is how long the names are there.
func TestRandomNamesOfOneCallerLeaveOthersAlone(t *testing.T) {
	attack, after := 4*time.Second, 2*time.Second
	if os.Getenv("WILDCARD_EGRESS_LONG") != "" {
		attack, after = 5*time.Minute, 5*time.Minute
	}
	env := testenv.Start(t, testenv.Options{Policy: wikipedia, WithoutSidecar: true, Sites: []string{"*.wikipedia.org"},
		GatewayArgs: []string{"--log-level", "warning"}})
	for digit := range 5 {
		env.DNS.Set(fmt.Sprintf("*.%d.wikipedia.org", digit), dns.Answer{Code: miekg.RcodeNameError})
	}
	p := &bystander{env: env}
	p.watch(t, "quiet", 3*time.Second, nil)
	attacker := client.Outer{Certificate: env.Identities.Payments, Sessions: tls.NewLRUClientSessionCache(64)}
	p.watch(t, "attack", attack, func(i int) {
		name := fmt.Sprintf("random-%d.wikipedia.org", i)
		if i%2 == 0 {
			name = fmt.Sprintf("random-%d.%d.wikipedia.org", i, i%10/2)
		}
		if conn, err := env.DialDirect(attacker, name); err == nil {
			conn.Close()
		}
	})
	p.watch(t, "afterwards", after, nil)
	if n, err := env.Gateway.Stat("dns_cache.wildcard_egress.host_overflow"); err != nil || n != 0 {
		t.Errorf("the DNS cache was full %d times, %v; want never", n, err)
	}
	env.WantAlive(t)
}

// bystander is another caller, who asks for three fresh names a second, and a probe of
// the gateway's readiness.
type bystander struct{ env *testenv.Env }

// watch fails the test if a name of the bystander's fails. attacker is called 400
// times a second meanwhile.
func (b *bystander) watch(t *testing.T, when string, lasts time.Duration, attacker func(i int)) {
	t.Helper()
	end := time.Now().Add(lasts)
	var running sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	var slowest time.Duration
	failed := 0
	every(&running, end, time.Second/400, 64, attacker)
	every(&running, end, time.Second/3, 64, func(i int) {
		begin := time.Now()
		_, err := b.env.GetDirect(b.env.App(), fmt.Sprintf("fresh-%s-%d.wikipedia.org", when, i))
		mu.Lock()
		defer mu.Unlock()
		took = append(took, time.Since(begin))
		if err != nil {
			failed++
		}
	})
	every(&running, end, time.Second/5, 1, func(int) {
		begin := time.Now()
		_, err := b.env.Gateway.Admin("/ready")
		mu.Lock()
		defer mu.Unlock()
		slowest = max(slowest, time.Since(begin))
		if err != nil {
			failed++
		}
	})
	running.Wait()
	slices.Sort(took)
	names, _ := b.env.Gateway.Stat("dns_cache.wildcard_egress.num_hosts")
	refused, _ := b.env.Gateway.Stat("wildcard_egress.denied.too_many_names")
	t.Logf("%s: %d fresh names, p50 %v, p99 %v; /ready in %v at most; %d names in the cache, %d refused", when, len(took),
		took[len(took)/2].Round(time.Millisecond), took[len(took)*99/100].Round(time.Millisecond), slowest.Round(time.Millisecond), names, refused)
	if failed > 0 {
		t.Errorf("%s: %d of %d fresh names or of the probes failed", when, failed, len(took))
	}
}

// every calls f so often until the end, no more than so many at a time; nil: not.
func every(running *sync.WaitGroup, end time.Time, period time.Duration, width int, f func(i int)) {
	if f == nil {
		return
	}
	running.Go(func() {
		slots := make(chan struct{}, width)
		tick := time.NewTicker(period)
		defer tick.Stop()
		for i := 0; time.Now().Before(end); i++ {
			<-tick.C
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				f(i)
			})
		}
	})
}
