// Package logs answers from the gateway's access log: who was refused what
// (Summary), which policy would let it through (Learn), what another policy would
// change (Replay), what happens now (Rates). It reads lines with package accesslog
// and asks package policy; memory is bounded whatever the log holds.
package logs
