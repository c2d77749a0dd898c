package analysis

import (
	"maps"
	"slices"
	"strings"

	"wildcard-egress/filter/policy/document"
	"wildcard-egress/filter/policy/glob"
)

const (
	aboutCDN     = "a shared CDN front: a client that may connect can ask it for other customers' sites (domain fronting)"
	aboutECH     = "an ECH public name: any site behind it can hide in a connection to it"
	aboutHosting = "shared hosting or storage: anybody can put a site or data there"
	aboutTunnel  = "a service of tunnels or of names for any address: anybody can have a server there"
)

// sharedFronts are domains under which different parties' sites share servers.
// Those with a public suffix of their own are here too when an exact name
// under them is as open as a wildcard.
var sharedFronts = map[string]string{
	"cloudflare-ech.com": aboutECH,

	"cloudfront.net":     aboutCDN,
	"akamaiedge.net":     aboutCDN,
	"akamaized.net":      aboutCDN,
	"akamaihd.net":       aboutCDN,
	"edgekey.net":        aboutCDN,
	"edgesuite.net":      aboutCDN,
	"fastly.net":         aboutCDN,
	"fastlylb.net":       aboutCDN,
	"azureedge.net":      aboutCDN,
	"azurefd.net":        aboutCDN,
	"cdn.cloudflare.net": aboutCDN,
	"b-cdn.net":          aboutCDN,
	"cdn77.org":          aboutCDN,
	"edgecastcdn.net":    aboutCDN,
	"gcdn.co":            aboutCDN,

	"s3.amazonaws.com":       aboutHosting,
	"s3.*.amazonaws.com":     aboutHosting,
	"s3-*.amazonaws.com":     aboutHosting,
	"s3-*.*.amazonaws.com":   aboutHosting,
	"s3.*.*.amazonaws.com":   aboutHosting,
	"storage.googleapis.com": aboutHosting,
	"lambda-url.*.on.aws":    aboutHosting,
	"googleusercontent.com":  aboutHosting,
	"appspot.com":            aboutHosting,
	"run.app":                aboutHosting,
	"web.app":                aboutHosting,
	"firebaseio.com":         aboutHosting,
	"blob.core.windows.net":  aboutHosting,
	"queue.core.windows.net": aboutHosting,
	"table.core.windows.net": aboutHosting,
	"file.core.windows.net":  aboutHosting,
	"dfs.core.windows.net":   aboutHosting,
	"web.core.windows.net":   aboutHosting,
	"azurewebsites.net":      aboutHosting,
	"workers.dev":            aboutHosting,
	"pages.dev":              aboutHosting,
	"r2.dev":                 aboutHosting,

	"r2.cloudflarestorage.com":        aboutHosting,
	"objectstorage.*.oraclecloud.com": aboutHosting,
	"dropboxusercontent.com":          aboutHosting,

	"github.io":             aboutHosting,
	"githubusercontent.com": aboutHosting,
	"gitlab.io":             aboutHosting,
	"herokuapp.com":         aboutHosting,
	"vercel.app":            aboutHosting,
	"netlify.app":           aboutHosting,
	"cloudapp.azure.com":    aboutHosting,
	"oss-*.aliyuncs.com":    aboutHosting,
	"cos.*.myqcloud.com":    aboutHosting,
	"backblazeb2.com":       aboutHosting,
	"wasabisys.com":         aboutHosting,
	"glitch.me":             aboutHosting,
	"surge.sh":              aboutHosting,

	"nip.io":        aboutTunnel,
	"sslip.io":      aboutTunnel,
	"traefik.me":    aboutTunnel,
	"ngrok.io":      aboutTunnel,
	"ngrok.app":     aboutTunnel,
	"bore.pub":      aboutTunnel,
	"devtunnels.ms": aboutTunnel,
	"loca.lt":       aboutTunnel,
	"localhost.run": aboutTunnel,
	"serveo.net":    aboutTunnel,
	"webhook.site":  aboutTunnel,
	"zrok.io":       aboutTunnel,
}

// sharedFront returns the shared front that a host opens, if any: it lies under
// one, or matches one, or matches names under one.
func (l *linter) sharedFront(host document.Pattern) (front, about string) {
	for domain := host.Domain(); domain != ""; {
		if about, ok := sharedFronts[domain]; ok {
			return domain, about
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	for _, front := range frontGlobs {
		if l.opens(host, front) {
			return front, sharedFronts[front]
		}
	}
	if host.Kind() == document.Exact {
		return "", ""
	}
	for _, front := range frontNames {
		if host.Matches(front) || host.Matches("any."+front) {
			return front, sharedFronts[front]
		}
	}
	return "", ""
}

// opens reports whether a host matches a front, a glob, or strangers' names below
// one: those whose next label is not its own.
func (l *linter) opens(host document.Pattern, front string) bool {
	hosts, fronts := plainHosts(host), []string{front}
	for _, plain := range hosts {
		labels := strings.Split(plain, ".")
		if below := len(labels) - strings.Count(front, ".") - 1; below > 0 && glob.HasMeta(labels[below-1]) {
			hosts = append(hosts, strings.Join(labels[below:], "."))
		}
	}
	if !anyFits(hosts, fronts) {
		return false
	}
	s := search{scope: scope{names: true}, deadline: l.deadline}
	s.must = []term{s.term(hosts, nil), s.term(fronts, nil)}
	_, v := s.run()
	return v == found
}

// frontNames and frontGlobs are sharedFronts in order.
var frontNames, frontGlobs = func() (names, globs []string) {
	for _, front := range slices.Sorted(maps.Keys(sharedFronts)) {
		if glob.HasMeta(front) {
			globs = append(globs, front)
		} else {
			names = append(names, front)
		}
	}
	return names, globs
}()
