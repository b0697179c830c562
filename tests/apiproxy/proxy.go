// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"
)

// Proxy forwards, delays, counts and fails.
type Proxy struct {
	script  *Script
	ledger  *Ledger
	delay   atomic.Int64
	reverse *httputil.ReverseProxy
}

type exchangeKey struct{}

// exchange is what is known about a request while it is under way.
type exchange struct {
	entry *Entry
	fault Fault
}

func newProxy(target *url.URL, transport http.RoundTripper, delay time.Duration) *Proxy {
	proxy := &Proxy{script: newScript(), ledger: newLedger()}
	proxy.delay.Store(int64(delay))
	proxy.reverse = &httputil.ReverseProxy{
		Transport:      transport,
		FlushInterval:  -1,
		Rewrite:        func(request *httputil.ProxyRequest) { request.SetURL(target) },
		ModifyResponse: proxy.answer,
		ErrorLog:       log.New(io.Discard, "", 0),
		// Whatever is wrong on the way to the API server is for the client a connection that breaks.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return proxy
}

func (p *Proxy) half() time.Duration { return time.Duration(p.delay.Load()) / 2 }

// greet costs a new connection what it costs over a network: one round trip for TCP, and one for TLS 1.3 or two for 1.2.
func (p *Proxy) greet(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	trips := 2
	if !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		trips = 3
	}
	pause(hello.Context(), time.Duration(trips)*time.Duration(p.delay.Load()))
	return nil, nil
}

func (p *Proxy) ServeHTTP(writer http.ResponseWriter, request *http.Request) {
	entry := p.ledger.begin(request)
	defer p.ledger.end(entry)
	fault := p.script.pick(entry)
	p.ledger.note(func() { entry.Fault = fault.Kind })
	if !pause(request.Context(), p.half()) {
		return
	}
	switch {
	case fault.Kind == throttle:
		writer.Header().Set("Retry-After", strconv.Itoa(fault.RetryAfter))
		p.refuse(writer, request, entry, status(http.StatusTooManyRequests, "TooManyRequests", "too many requests"))
		return
	case fault.Kind == gatewayTimeout:
		p.refuse(writer, request, entry, status(http.StatusGatewayTimeout, "", "upstream request timeout"))
		return
	case fault.Kind == watchGone && fault.Mode == "410":
		p.refuse(writer, request, entry, status(http.StatusGone, "Expired", "too old resource version"))
		return
	case fault.Kind == disconnect:
		panic(http.ErrAbortHandler)
	case fault.Kind == hold && fault.Mode == "before":
		p.script.wait(request.Context().Done())
	}
	ctx := context.WithValue(request.Context(), exchangeKey{}, &exchange{entry, fault})
	p.reverse.ServeHTTP(writer, request.WithContext(ctx))
}

// refuse answers without asking the API server.
func (p *Proxy) refuse(writer http.ResponseWriter, request *http.Request, entry *Entry, answer *Status) {
	// The connection stays usable only when the body was read.
	_, _ = io.Copy(io.Discard, request.Body)
	if !pause(request.Context(), p.half()) {
		return
	}
	p.ledger.note(func() { entry.Status = answer.Code })
	if answer.Reason == "" {
		// What stands between is no API server and answers in its own words.
		http.Error(writer, answer.Message, answer.Code)
		return
	}
	writer.Header().Set("Content-Type", "application/json")
	writer.WriteHeader(answer.Code)
	_ = json.NewEncoder(writer).Encode(answer)
}

// answer treats what the API server said before the client gets it.
func (p *Proxy) answer(response *http.Response) error {
	ctx := response.Request.Context()
	current, _ := ctx.Value(exchangeKey{}).(*exchange)
	entry, fault := current.entry, current.fault
	p.ledger.note(func() { entry.Upstream = response.StatusCode })
	switch fault.Kind {
	case lostAnswer:
		if _, err := readAll(response); err != nil {
			return err
		}
		if fault.Mode == "cut" {
			return errCut
		}
		replace(response, status(http.StatusGatewayTimeout, "Timeout", "the server did not answer in time"))
	case cutAnswer:
		body, err := readAll(response)
		if err != nil {
			return err
		}
		response.Header.Set("Content-Length", strconv.Itoa(len(body)))
		response.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:len(body)/2]), failing{}))
	case hold:
		if fault.Mode != "before" {
			body, err := readAll(response)
			if err != nil {
				return err
			}
			response.Body = io.NopCloser(bytes.NewReader(body))
			p.script.wait(ctx.Done())
		}
		if fault.Mode == "lost" {
			return errCut
		}
	case watchCut, watchGone:
		response.Body = newLimited(response.Body, fault)
	}
	if entry.Verb == "watch" && p.half() > 0 {
		response.Body = newDelayed(response.Body, p.half())
	}
	if !pause(ctx, p.half()) {
		return ctx.Err()
	}
	p.ledger.note(func() { entry.Status = response.StatusCode })
	return nil
}

func readAll(response *http.Response) ([]byte, error) {
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

func replace(response *http.Response, answer *Status) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	response.StatusCode = answer.Code
	response.Header = http.Header{
		"Content-Type":   {"application/json"},
		"Content-Length": {strconv.Itoa(len(body))},
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
}

// Status is the object with which an API server tells of a failure.
type Status struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   map[string]string `json:"metadata"`
	Status     string            `json:"status"`
	Message    string            `json:"message"`
	Reason     string            `json:"reason,omitempty"`
	Code       int               `json:"code"`
}

func status(code int, reason, message string) *Status {
	return &Status{"v1", "Status", map[string]string{}, "Failure", message, reason, code}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errCut }

// control answers on the second port.
func (p *Proxy) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /stats", func(writer http.ResponseWriter, _ *http.Request) {
		stats := p.ledger.stats()
		stats.Faults, stats.Injected, stats.Held = p.script.snapshot()
		send(writer, stats)
	})
	mux.HandleFunc("GET /requests", func(writer http.ResponseWriter, _ *http.Request) {
		send(writer, p.ledger.requests())
	})
	mux.HandleFunc("GET /faults", func(writer http.ResponseWriter, _ *http.Request) {
		faults, _, _ := p.script.snapshot()
		send(writer, faults)
	})
	mux.HandleFunc("PUT /faults", func(writer http.ResponseWriter, request *http.Request) {
		var faults []*Fault
		err := decode(request, &faults)
		if err == nil {
			err = p.script.set(faults)
		}
		done(writer, err)
	})
	mux.HandleFunc("PUT /delay", func(writer http.ResponseWriter, request *http.Request) {
		var wanted struct {
			Seconds float64 `json:"seconds"`
		}
		err := decode(request, &wanted)
		if err == nil && wanted.Seconds < 0 {
			err = errors.New("seconds: must not be negative")
		}
		if err == nil {
			p.delay.Store(int64(wanted.Seconds * float64(time.Second)))
		}
		done(writer, err)
	})
	mux.HandleFunc("POST /release", func(writer http.ResponseWriter, _ *http.Request) {
		p.script.letGo()
		done(writer, nil)
	})
	mux.HandleFunc("POST /reset", func(writer http.ResponseWriter, _ *http.Request) {
		p.ledger.reset()
		p.script.restart()
		done(writer, nil)
	})
	return mux
}

func decode(request *http.Request, into any) error {
	decoder := json.NewDecoder(request.Body)
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func send(writer http.ResponseWriter, value any) {
	writer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(writer).Encode(value)
}

func done(writer http.ResponseWriter, err error) {
	if err != nil {
		http.Error(writer, err.Error(), http.StatusBadRequest)
		return
	}
	writer.WriteHeader(http.StatusNoContent)
}
