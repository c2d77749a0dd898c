// Package browser tries the page of `wildcard-egress ui` in a real browser, beside a
// real gateway. `make test-ui` runs it, since a browser is much to install.
package browser
