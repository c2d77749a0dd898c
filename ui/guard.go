package ui

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

var errNotLoopback = errors.New("the page is for this machine: listen on 127.0.0.1 or ::1, and use ssh -L or kubectl port-forward from elsewhere")

// policyOfContent lets the page load its own files and ask its own server, and
// nothing else: no script in the page itself, no other site, no frame around it.
const policyOfContent = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// guard keeps other sites' pages away, which a browser on this machine may have
// open. A site whose name was made to resolve to 127.0.0.1 (DNS rebinding) is known
// by the Host header, one that asks across by Sec-Fetch-Site. There are no CORS
// headers, so no other origin reads an answer.
func guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policyOfContent)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
		ownLink := site == "cross-site" && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.URL.Path == "/"
		switch {
		case !isLoopback(r.Host):
			http.Error(w, "ask for this page at 127.0.0.1 or localhost, at the port that it has, or that leads here", http.StatusMisdirectedRequest)
		case site != "" && site != "same-origin" && site != "none" && !ownLink:
			http.Error(w, "asked by another site", http.StatusForbidden)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.Error(w, "read-only", http.StatusMethodNotAllowed)
		case site == "" && origin != "" && origin != "http://"+r.Host: // a browser without Sec-Fetch-Site
			http.Error(w, "asked by another site", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isLoopback reports whether a Host header names this machine by an address or as
// localhost, which no other site can make its own. The port may be another, of
// ssh -L or kubectl port-forward.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	address, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && address.Zone() == "" && address.IsLoopback()
}
