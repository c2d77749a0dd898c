package ui

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
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
func guard(port uint16, next http.Handler) http.Handler {
	hosts := []string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("[::1]:%d", port), fmt.Sprintf("localhost:%d", port)}
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
		case !slices.Contains(hosts, r.Host):
			http.Error(w, fmt.Sprintf("this page is at http://%s", hosts[0]), http.StatusMisdirectedRequest)
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
