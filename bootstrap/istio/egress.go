package istio

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"wildcard-egress/bootstrap"
)

// Destination is what a NetworkPolicy lets pods reach beside the gateway.
type Destination struct {
	Namespace string       // its pods; or else
	Prefix    netip.Prefix // these addresses
	Port      uint16       // 0: every port, of every protocol
	UDP       bool
}

// ParseDestination reads NAMESPACE or CIDR, with :PORT or :PORT/udp behind it;
// an IPv6 CIDR with a port stands in brackets.
func ParseDestination(text string) (Destination, error) {
	wrong := fmt.Errorf("%q: want NAMESPACE or CIDR, and :PORT or :PORT/udp behind it, such as monitoring, monitoring:4317, "+
		"10.20.0.0/16:443 or [fd00::/8]:443", text)
	var d Destination
	to, port := text, ""
	switch at := strings.LastIndex(text, ":"); {
	case strings.HasPrefix(text, "["):
		head, tail, ok := strings.Cut(text[1:], "]")
		if to, port = head, strings.TrimPrefix(tail, ":"); !ok || port == tail {
			return d, wrong
		}
	case strings.Count(text, ":") == 1:
		to, port = text[:at], text[at+1:]
	}
	if strings.Contains(text, ":") && to != text {
		var digits string
		digits, d.UDP = strings.CutSuffix(port, "/udp")
		number, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || number == 0 {
			return d, wrong
		}
		d.Port = uint16(number)
	}
	if prefix, err := netip.ParsePrefix(to); err == nil {
		if prefix != prefix.Masked() {
			return d, fmt.Errorf("%q: the address has bits behind the prefix; did you mean %s?", text, prefix.Masked())
		}
		d.Prefix = prefix
		return d, nil
	}
	if len(validation.IsDNS1123Label(to)) > 0 {
		return d, wrong
	}
	d.Namespace = to
	return d, nil
}

// String returns what ParseDestination reads.
func (d Destination) String() string {
	text := d.Namespace
	if text == "" {
		text = d.Prefix.String()
	}
	if d.Port == 0 {
		return text
	}
	if strings.Contains(text, ":") {
		text = "[" + text + "]"
	}
	text += ":" + strconv.Itoa(int(d.Port))
	if d.UDP {
		text += "/udp"
	}
	return text
}

// open says whether d has addresses that the address guard leaves: those are a
// way round the gateway.
func (d Destination) open() bool {
	return d.Namespace == "" && !slices.ContainsFunc(bootstrap.Guard{}.Denied(), func(private netip.Prefix) bool {
		return private.Bits() <= d.Prefix.Bits() && private.Contains(d.Prefix.Addr())
	})
}

func (d Destination) rule() networkv1.NetworkPolicyEgressRule {
	peer := networkv1.NetworkPolicyPeer{IPBlock: &networkv1.IPBlock{CIDR: d.Prefix.String()}}
	if d.Namespace != "" {
		peer = namespacePeer(d.Namespace)
	}
	rule := networkv1.NetworkPolicyEgressRule{To: []networkv1.NetworkPolicyPeer{peer}}
	switch {
	case d.Port != 0 && d.UDP:
		rule.Ports = []networkv1.NetworkPolicyPort{udp(d.Port)}
	case d.Port != 0:
		rule.Ports = []networkv1.NetworkPolicyPort{tcp(d.Port)}
	}
	return rule
}

func rulesOf(destinations []Destination) []networkv1.NetworkPolicyEgressRule {
	var rules []networkv1.NetworkPolicyEgressRule
	for _, d := range destinations {
		rules = append(rules, d.rule())
	}
	return rules
}

func tcp(port uint16) networkv1.NetworkPolicyPort { return portOf(corev1.ProtocolTCP, port) }

func udp(port uint16) networkv1.NetworkPolicyPort { return portOf(corev1.ProtocolUDP, port) }

func portOf(protocol corev1.Protocol, port uint16) networkv1.NetworkPolicyPort {
	number := intstr.FromInt32(int32(port))
	return networkv1.NetworkPolicyPort{Protocol: &protocol, Port: &number}
}
