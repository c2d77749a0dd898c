package dns

import (
	"net"
	"net/netip"
	"strings"
	"time"

	miekg "github.com/miekg/dns"
)

// ServeDNS implements miekg.Handler.
func (d *Server) ServeDNS(w miekg.ResponseWriter, request *miekg.Msg) {
	if len(request.Question) != 1 {
		reply := new(miekg.Msg).SetRcode(request, miekg.RcodeFormatError)
		_ = w.WriteMsg(reply) // a client that is gone gets no reply
		return
	}
	question := request.Question[0]
	query := Query{
		Name:    strings.TrimSuffix(question.Name, "."),
		Type:    miekg.TypeToString[question.Qtype],
		Network: w.LocalAddr().Network(),
		From:    netip.MustParseAddrPort(w.RemoteAddr().String()),
		At:      time.Now(),
	}
	d.mu.Lock()
	d.queries = append(d.queries, query)
	d.mu.Unlock()

	answer := d.answerFor(query.Name)(query)
	if answer.Silent || !d.wait(answer.Delay) {
		return
	}
	reply := answer.reply(request)
	if answer.Cut && query.Network == "udp" {
		reply.Truncated, reply.Answer = true, nil
	}
	_ = w.WriteMsg(reply)
}

// wait returns false if the server was closed meanwhile.
func (d *Server) wait(delay time.Duration) bool {
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

func (a Answer) reply(request *miekg.Msg) *miekg.Msg {
	if a.Code != miekg.RcodeSuccess {
		return new(miekg.Msg).SetRcode(request, a.Code)
	}
	question := request.Question[0]
	reply := new(miekg.Msg).SetReply(request)
	owner := question.Name
	header := func(t uint16) miekg.RR_Header {
		return miekg.RR_Header{Name: owner, Rrtype: t, Class: miekg.ClassINET, Ttl: a.TTL}
	}
	if a.CNAME != "" {
		target := miekg.Fqdn(a.CNAME)
		reply.Answer = append(reply.Answer, &miekg.CNAME{Hdr: header(miekg.TypeCNAME), Target: target})
		owner = target
	}
	for _, addr := range a.Addrs {
		switch {
		case question.Qtype == miekg.TypeA && addr.Is4():
			reply.Answer = append(reply.Answer, &miekg.A{Hdr: header(miekg.TypeA), A: net.IP(addr.AsSlice())})
		case question.Qtype == miekg.TypeAAAA && addr.Is6():
			reply.Answer = append(reply.Answer, &miekg.AAAA{Hdr: header(miekg.TypeAAAA), AAAA: net.IP(addr.AsSlice())})
		}
	}
	return reply
}
