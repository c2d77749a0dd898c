// Package image holds what builds the container image (build, base, dockerd) and
// the tests that run it: `make test-image`.
package image
