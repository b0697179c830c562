// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Entry is one request. Bodies and headers with credentials are never kept.
type Entry struct {
	Number    int     `json:"number"`
	Start     float64 `json:"start"` // seconds since the last reset
	Seconds   float64 `json:"seconds"`
	Method    string  `json:"method"`
	Path      string  `json:"path"`
	Verb      string  `json:"verb"`
	Resource  string  `json:"resource"` // with a subresource: deployments/scale; empty for paths such as /apis
	Namespace string  `json:"namespace"`
	Name      string  `json:"name"`
	Agent     string  `json:"agent"`
	Protocol  string  `json:"protocol"`
	Status    int     `json:"status"`   // what the client got; 0: nothing, or not yet
	Upstream  int     `json:"upstream"` // what the API server answered; 0: it was not asked, or did not
	Fault     string  `json:"fault"`
	Done      bool    `json:"done"`

	began time.Time
}

// Ledger counts.
type Ledger struct {
	mutex       sync.Mutex
	started     time.Time
	entries     []*Entry
	byMethod    map[string]int
	byVerb      map[string]int
	inFlight    int
	maxInFlight int
	watches     int
	connections int
}

func newLedger() *Ledger {
	ledger := &Ledger{}
	ledger.reset()
	return ledger
}

func (l *Ledger) reset() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.started = time.Now()
	l.entries = []*Entry{}
	l.byMethod, l.byVerb = map[string]int{}, map[string]int{}
	l.maxInFlight, l.connections = l.inFlight, 0
}

func (l *Ledger) connection(_ net.Conn, state http.ConnState) {
	if state == http.StateNew {
		l.mutex.Lock()
		defer l.mutex.Unlock()
		l.connections++
	}
}

func (l *Ledger) begin(request *http.Request) *Entry {
	entry := describe(request)
	l.mutex.Lock()
	defer l.mutex.Unlock()
	entry.Number = len(l.entries) + 1
	entry.began = time.Now()
	entry.Start = entry.began.Sub(l.started).Seconds()
	l.entries = append(l.entries, entry)
	l.byMethod[entry.Method]++
	l.byVerb[strings.TrimSpace(entry.Verb+" "+entry.Resource)]++
	if entry.Verb == "watch" {
		l.watches++
	} else {
		l.inFlight++
		l.maxInFlight = max(l.maxInFlight, l.inFlight)
	}
	return entry
}

// note changes an entry, which others may read at the same time.
func (l *Ledger) note(change func()) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	change()
}

func (l *Ledger) end(entry *Entry) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	entry.Seconds = time.Since(entry.began).Seconds()
	entry.Done = true
	if entry.Verb == "watch" {
		l.watches--
	} else {
		l.inFlight--
	}
}

// Stats are the counts since the last reset.
type Stats struct {
	Requests    int            `json:"requests"`
	ByMethod    map[string]int `json:"by_method"`
	ByVerb      map[string]int `json:"by_verb"` // such as "apply configmaps"
	Connections int            `json:"connections"`
	InFlight    int            `json:"in_flight"`
	MaxInFlight int            `json:"max_in_flight"` // watches are not counted
	Watches     int            `json:"watches"`       // open now
	Held        int            `json:"held"`          // waiting for a release
	Injected    map[string]int `json:"injected"`      // by kind of fault
	Faults      []Fault        `json:"faults"`
}

func (l *Ledger) stats() Stats {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return Stats{
		Requests:    len(l.entries),
		ByMethod:    maps.Clone(l.byMethod),
		ByVerb:      maps.Clone(l.byVerb),
		Connections: l.connections,
		InFlight:    l.inFlight,
		MaxInFlight: l.maxInFlight,
		Watches:     l.watches,
	}
}

func (l *Ledger) requests() []Entry {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	copies := make([]Entry, 0, len(l.entries))
	for _, entry := range l.entries {
		copies = append(copies, *entry)
	}
	return copies
}

// describe reads a request as the API server's authorization does, apart from "apply", which it takes for a patch.
func describe(request *http.Request) *Entry {
	entry := &Entry{
		Method:   request.Method,
		Path:     request.URL.RequestURI(),
		Agent:    request.UserAgent(),
		Protocol: request.Proto,
	}
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	switch {
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		parts = parts[3:]
	default:
		entry.Verb = strings.ToLower(request.Method)
		return entry
	}
	if parts[0] == "namespaces" && len(parts) > 2 && !slices.Contains([]string{"status", "finalize"}, parts[2]) {
		entry.Namespace = parts[1]
		parts = parts[2:]
	}
	entry.Resource = parts[0]
	if len(parts) > 1 {
		entry.Name = parts[1]
	}
	if len(parts) > 2 {
		entry.Resource += "/" + parts[2]
	}
	entry.Verb = verb(request, entry.Name != "")
	return entry
}

func verb(request *http.Request, named bool) string {
	watch := request.URL.Query().Get("watch")
	switch {
	case request.Method == http.MethodGet && (watch == "1" || watch == "true"):
		return "watch"
	case request.Method == http.MethodGet && named:
		return "get"
	case request.Method == http.MethodGet:
		return "list"
	case request.Method == http.MethodPost:
		return "create"
	case request.Method == http.MethodPut:
		return "update"
	case request.Method == http.MethodPatch:
		if strings.HasPrefix(request.Header.Get("Content-Type"), "application/apply-patch") {
			return "apply"
		}
		return "patch"
	case request.Method == http.MethodDelete && !named:
		return "deletecollection"
	}
	return strings.ToLower(request.Method)
}
