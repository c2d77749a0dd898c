package dns_test

import (
	"net/netip"
	"testing"
	"time"

	"wildcard-egress/testenv/dns"

	"github.com/google/go-cmp/cmp"
	miekg "github.com/miekg/dns"
)

func startDNS(t *testing.T) *dns.Server {
	t.Helper()
	d, err := dns.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// ask returns the code's name and the records of the answer without their TTL.
func ask(t *testing.T, d *dns.Server, network, name string, qtype uint16) (code string, records []string) {
	t.Helper()
	client := &miekg.Client{Net: network, Timeout: time.Minute}
	reply, _, err := client.Exchange(new(miekg.Msg).SetQuestion(miekg.Fqdn(name), qtype), d.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for _, rr := range reply.Answer {
		switch rr := rr.(type) {
		case *miekg.A:
			records = append(records, rr.A.String())
		case *miekg.AAAA:
			records = append(records, rr.AAAA.String())
		case *miekg.CNAME:
			records = append(records, rr.Target)
		}
	}
	return miekg.RcodeToString[reply.Rcode], records
}

func addrs(texts ...string) (all []netip.Addr) {
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func TestDNSAnswers(t *testing.T) {
	d := startDNS(t)
	d.Set("two.example.com", dns.Answer{Addrs: addrs("127.0.0.2", "10.0.0.1", "::1")})
	d.Set("*.zone.example", dns.Answer{Addrs: addrs("127.0.0.3")})
	d.Set("closer.zone.example", dns.Answer{Addrs: addrs("127.0.0.4")})
	d.Set("*.deep.zone.example", dns.Answer{Addrs: addrs("127.0.0.5")})
	d.Set("alias.example.com", dns.Answer{CNAME: "target.example.com", Addrs: addrs("127.0.0.6")})
	d.Set("broken.example.com", dns.Answer{Code: miekg.RcodeServerFailure})
	d.Set("empty.example.com", dns.Answer{})
	for name, tt := range map[string]struct {
		network string
		name    string
		qtype   uint16
		code    string
		records []string
	}{
		"A has the IPv4 addresses in order":           {name: "two.example.com", code: "NOERROR", records: []string{"127.0.0.2", "10.0.0.1"}},
		"AAAA has the IPv6 address":                   {name: "two.example.com", qtype: miekg.TypeAAAA, code: "NOERROR", records: []string{"::1"}},
		"TCP answers as UDP does":                     {network: "tcp", name: "two.example.com", code: "NOERROR", records: []string{"127.0.0.2", "10.0.0.1"}},
		"the case does not matter":                    {name: "TWO.Example.com", code: "NOERROR", records: []string{"127.0.0.2", "10.0.0.1"}},
		"a wildcard answers one label below":          {name: "a.zone.example", code: "NOERROR", records: []string{"127.0.0.3"}},
		"a wildcard answers many labels below":        {name: "a.b.c.zone.example", code: "NOERROR", records: []string{"127.0.0.3"}},
		"a wildcard does not answer its apex":         {name: "zone.example", code: "NXDOMAIN"},
		"the exact name comes before the wildcard":    {name: "closer.zone.example", code: "NOERROR", records: []string{"127.0.0.4"}},
		"the longer zone comes before the shorter":    {name: "a.deep.zone.example", code: "NOERROR", records: []string{"127.0.0.5"}},
		"an alias comes with its target's address":    {name: "alias.example.com", code: "NOERROR", records: []string{"target.example.com.", "127.0.0.6"}},
		"a failure is a failure":                      {name: "broken.example.com", code: "SERVFAIL"},
		"a name without addresses exists":             {name: "empty.example.com", code: "NOERROR"},
		"a name that nobody told of does not exist":   {name: "unknown.example.com", code: "NXDOMAIN"},
		"a suffix look-alike is not the wildcard's":   {name: "evilzone.example", code: "NXDOMAIN"},
		"the root itself does not exist":              {name: ".", code: "NXDOMAIN"},
		"a name of one label is not in a longer zone": {name: "example", code: "NXDOMAIN"},
	} {
		t.Run(name, func(t *testing.T) {
			qtype := tt.qtype
			if qtype == 0 {
				qtype = miekg.TypeA
			}
			code, records := ask(t, d, tt.network, tt.name, qtype)
			if code != tt.code {
				t.Errorf("code %s, want %s", code, tt.code)
			}
			if diff := cmp.Diff(tt.records, records); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDNSRecordsQueries(t *testing.T) {
	d := startDNS(t)
	d.WantNoQueries(t)
	ask(t, d, "udp", "A.example.com", miekg.TypeA)
	ask(t, d, "tcp", "b.example.com", miekg.TypeAAAA)
	ask(t, d, "udp", "b.example.com", miekg.TypeA)
	var got []string
	for _, q := range d.Queries() {
		got = append(got, q.Network+" "+q.Type+" "+q.Name)
	}
	if diff := cmp.Diff([]string{"udp A A.example.com", "tcp AAAA b.example.com", "udp A b.example.com"}, got); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
	if n := d.Asked("b.example.com"); n != 2 {
		t.Errorf("Asked = %d, want 2", n)
	}
}

func TestDNSAnswerCanChange(t *testing.T) {
	d := startDNS(t)
	asked := 0
	d.SetFunc("rebinding.example.com", func(dns.Query) dns.Answer {
		asked++
		if asked == 1 {
			return dns.Answer{Addrs: addrs("203.0.113.1")}
		}
		return dns.Answer{Addrs: addrs("169.254.169.254")}
	})
	for _, want := range []string{"203.0.113.1", "169.254.169.254"} {
		if _, records := ask(t, d, "udp", "rebinding.example.com", miekg.TypeA); cmp.Diff([]string{want}, records) != "" {
			t.Errorf("answered %v, want %s", records, want)
		}
	}
}

func TestDNSDelays(t *testing.T) {
	d := startDNS(t)
	const delay = 200 * time.Millisecond
	d.Set("slow.example.com", dns.Answer{Addrs: addrs("127.0.0.2"), Delay: delay})
	start := time.Now()
	ask(t, d, "udp", "slow.example.com", miekg.TypeA)
	if took := time.Since(start); took < delay {
		t.Errorf("answered after %v, want %v at least", took, delay)
	}
}

func TestDNSKeepsSilent(t *testing.T) {
	d := startDNS(t)
	d.Set("silent.example.com", dns.Answer{Silent: true})
	client := &miekg.Client{Timeout: 100 * time.Millisecond}
	reply, _, err := client.Exchange(new(miekg.Msg).SetQuestion("silent.example.com.", miekg.TypeA), d.Addr())
	if err == nil {
		t.Errorf("answered %v, want silence", reply)
	}
	d.WantQueries(t, "silent.example.com")
}

func TestDNSCloseDoesNotWaitForDelayedAnswers(t *testing.T) {
	d, err := dns.Start()
	if err != nil {
		t.Fatal(err)
	}
	d.Set("slow.example.com", dns.Answer{Delay: time.Hour})
	client := &miekg.Client{Timeout: 100 * time.Millisecond}
	if _, _, err := client.Exchange(new(miekg.Msg).SetQuestion("slow.example.com.", miekg.TypeA), d.Addr()); err == nil {
		t.Error("answered before the delay")
	}
	closed := make(chan error)
	go func() { closed <- d.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute): // far from the hour of the answer
		t.Error("still closing after a minute")
	}
}
