package testenv

import (
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// ServeDNS implements dns.Handler.
func (d *DNS) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	if len(request.Question) != 1 {
		reply := new(dns.Msg).SetRcode(request, dns.RcodeFormatError)
		_ = w.WriteMsg(reply) // a client that is gone gets no reply
		return
	}
	question := request.Question[0]
	query := Query{
		Name:    strings.TrimSuffix(question.Name, "."),
		Type:    dns.TypeToString[question.Qtype],
		Network: w.LocalAddr().Network(),
		At:      time.Now(),
	}
	d.mu.Lock()
	d.queries = append(d.queries, query)
	d.mu.Unlock()

	answer := d.answerFor(query.Name)(query)
	if answer.Silent || !d.wait(answer.Delay) {
		return
	}
	_ = w.WriteMsg(answer.reply(request))
}

// wait returns false if the server was closed meanwhile.
func (d *DNS) wait(delay time.Duration) bool {
	if delay <= 0 {
		return true
	}
	select {
	case <-time.After(delay):
		return true
	case <-d.closed:
		return false
	}
}

func (a Answer) reply(request *dns.Msg) *dns.Msg {
	if a.Code != dns.RcodeSuccess {
		return new(dns.Msg).SetRcode(request, a.Code)
	}
	question := request.Question[0]
	reply := new(dns.Msg).SetReply(request)
	owner := question.Name
	header := func(t uint16) dns.RR_Header {
		return dns.RR_Header{Name: owner, Rrtype: t, Class: dns.ClassINET, Ttl: a.TTL}
	}
	if a.CNAME != "" {
		target := dns.Fqdn(a.CNAME)
		reply.Answer = append(reply.Answer, &dns.CNAME{Hdr: header(dns.TypeCNAME), Target: target})
		owner = target
	}
	for _, addr := range a.Addrs {
		switch {
		case question.Qtype == dns.TypeA && addr.Is4():
			reply.Answer = append(reply.Answer, &dns.A{Hdr: header(dns.TypeA), A: net.IP(addr.AsSlice())})
		case question.Qtype == dns.TypeAAAA && addr.Is6():
			reply.Answer = append(reply.Answer, &dns.AAAA{Hdr: header(dns.TypeAAAA), AAAA: net.IP(addr.AsSlice())})
		}
	}
	return reply
}
