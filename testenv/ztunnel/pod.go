package ztunnel

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
)

// StartInPod starts the ztunnel of a pod, in whose network the process is: in front
// of the gateway at its usual place. The certificates are files in PEM.
func StartInPod(certificate, key, callers string) error {
	own, err := tls.LoadX509KeyPair(certificate, key)
	ca, caErr := os.ReadFile(callers)
	if err := errors.Join(err, caErr); err != nil {
		return err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	_, err = Start(Options{Listen: ":15008", Certificate: &own, Callers: pool, Gateway: "127.0.0.1:15088"})
	return err
}
