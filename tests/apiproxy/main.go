// SPDX-License-Identifier: GPL-3.0-or-later

// Command apiproxy stands in front of an API server as a network would: it delays, counts and, when told to, fails.
//
// It serves HTTP/1.1 and HTTP/2 over TLS, each connection kept. A second port, plain HTTP on loopback, is for control:
//
//	GET  /stats     what was asked, and how often each fault was injected
//	GET  /requests  every request, in the order in which they came
//	GET  /faults    the faults in force
//	PUT  /faults    replaces them; see Fault
//	PUT  /delay     {"seconds": 0.02}
//	POST /release   lets go of the requests that a fault of the kind "hold" keeps
//	POST /reset     forgets counts and requests; faults start to count anew
//
// It prints one line of JSON with its addresses, and ends when its standard input does: nothing of it outlives a test.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("apiproxy: ")
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	upstream := flag.String("upstream", "", "URL of the API server")
	authority := flag.String("upstream-ca", "", "PEM file of the CA that signed its certificate")
	clientCertificate := flag.String("upstream-cert", "", "PEM file of a client certificate for it")
	clientKey := flag.String("upstream-key", "", "PEM file of the key of the client certificate")
	certificate := flag.String("cert", "", "PEM file of our certificate; written when it does not exist")
	key := flag.String("key", "", "PEM file of our key; written when it does not exist")
	address := flag.String("listen", "127.0.0.1:0", "where clients connect")
	controlAddress := flag.String("control", "127.0.0.1:0", "where we are controlled")
	delay := flag.Duration("delay", 0, "round trip of the network that we pretend to be")
	flag.Parse()

	target, err := url.Parse(*upstream)
	if err != nil || target.Host == "" {
		return fmt.Errorf("-upstream: must be a URL, got %q", *upstream)
	}
	transport, err := newTransport(*authority, *clientCertificate, *clientKey)
	if err != nil {
		return err
	}
	own, err := ownCertificate(*certificate, *key)
	if err != nil {
		return err
	}
	proxy := newProxy(target, transport, *delay)

	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	controlListener, err := net.Listen("tcp", *controlAddress)
	if err != nil {
		return err
	}
	quiet := log.New(io.Discard, "", 0)
	server := &http.Server{Handler: proxy, ErrorLog: quiet, ConnState: proxy.ledger.connection}
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{own}, GetConfigForClient: proxy.greet}
	control := &http.Server{Handler: proxy.control(), ErrorLog: quiet}

	failed := make(chan error, 2)
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	go func() { failed <- control.Serve(controlListener) }()
	addresses := map[string]string{
		"url":     "https://" + listener.Addr().String(),
		"control": "http://" + controlListener.Addr().String(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(addresses); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	select {
	case err := <-failed:
		return err
	case <-ended:
		return nil
	}
}

// newTransport keeps as many connections as clients need: the limits of a client are its own, not ours.
func newTransport(authority, certificate, key string) (*http.Transport, error) {
	settings := &tls.Config{}
	if authority != "" {
		text, err := os.ReadFile(authority)
		if err != nil {
			return nil, err
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("-upstream-ca: %s has no certificate", authority)
		}
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, err
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{
		TLSClientConfig:     settings,
		DisableCompression:  true,
		MaxIdleConns:        0,
		MaxIdleConnsPerHost: 256,
	}, nil
}

// pause sleeps as long as the client is there; false when it went away.
func pause(ctx context.Context, length time.Duration) bool {
	if length <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

var errCut = errors.New("cut on purpose")
