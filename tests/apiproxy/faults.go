// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// Kinds of faults, and what each does. Those that begin with "watch" are for watches, all others for other requests.
const (
	// throttle answers 429 with Retry-After; nothing is forwarded.
	throttle = "throttle"
	// gatewayTimeout answers 504 as a load balancer does; nothing is forwarded.
	gatewayTimeout = "gateway_timeout"
	// disconnect closes the connection; nothing is forwarded.
	disconnect = "disconnect"
	// lostAnswer forwards, and what was asked is done, but the answer does not arrive. Modes: "cut" closes the
	// connection, "504" answers that.
	lostAnswer = "lost_answer"
	// cutAnswer passes half of the body on and closes the connection.
	cutAnswer = "cut_answer"
	// hold keeps a request until it is released. Modes: "before" it is forwarded; "after" it was carried out; "lost":
	// the same, and then the connection is closed.
	hold = "hold"
	// watchCut ends a watch after a number of events or seconds. Modes: "cut" breaks the connection, "end" closes it
	// as a server does when its time is over.
	watchCut = "watch_cut"
	// watchGone tells that the version is too old. Modes: "event" after a number of events, "410" at once.
	watchGone = "watch_gone"
)

var modes = map[string][]string{
	throttle:       {""},
	gatewayTimeout: {""},
	disconnect:     {""},
	lostAnswer:     {"cut", "504"},
	cutAnswer:      {""},
	hold:           {"before", "after", "lost"},
	watchCut:       {"cut", "end"},
	watchGone:      {"event", "410"},
}

// Fault is a rule: which requests it is about, which of those it strikes, and how.
//
// A request is offered to the rules in their order, and the first that strikes keeps it from the later ones, which do
// not count it.
type Fault struct {
	Kind string `json:"kind"`
	Mode string `json:"mode,omitempty"`

	// What the request must be; an empty value fits all.
	Method    string `json:"method,omitempty"`
	Verb      string `json:"verb,omitempty"`
	Resource  string `json:"resource,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	Path      string `json:"path,omitempty"` // part of path and query

	// Which of the fitting requests it strikes: exactly one of these.
	First       int     `json:"first,omitempty"`
	Every       int     `json:"every,omitempty"`
	Nth         []int   `json:"nth,omitempty"` // counted from 1
	Probability float64 `json:"probability,omitempty"`
	Seed        uint64  `json:"seed,omitempty"`
	// The most requests that it strikes; 0: no limit.
	Limit int `json:"limit,omitempty"`

	RetryAfter   int     `json:"retry_after,omitempty"` // seconds; may be 0
	AfterEvents  int     `json:"after_events,omitempty"`
	AfterSeconds float64 `json:"after_seconds,omitempty"`

	Matched  int `json:"matched"`
	Injected int `json:"injected"`

	random *rand.Rand
}

func (f *Fault) check() error {
	known, ok := modes[f.Kind]
	if !ok {
		return fmt.Errorf("kind: unknown: %q", f.Kind)
	}
	if f.Mode == "" {
		f.Mode = known[0]
	}
	if !slices.Contains(known, f.Mode) {
		return fmt.Errorf("%s: mode: must be one of %q, got %q", f.Kind, known, f.Mode)
	}
	given := 0
	for _, is := range []bool{f.First > 0, f.Every > 0, len(f.Nth) > 0, f.Probability > 0} {
		if is {
			given++
		}
	}
	if given != 1 {
		return fmt.Errorf("%s: exactly one of first, every, nth and probability must be given", f.Kind)
	}
	f.restart()
	return nil
}

func (f *Fault) restart() {
	f.Matched, f.Injected = 0, 0
	f.random = rand.New(rand.NewPCG(f.Seed, uint64(len(f.Kind))))
}

func (f *Fault) fits(entry *Entry) bool {
	return strings.HasPrefix(f.Kind, "watch") == (entry.Verb == "watch") &&
		(f.Method == "" || f.Method == entry.Method) &&
		(f.Verb == "" || f.Verb == entry.Verb) &&
		(f.Resource == "" || f.Resource == entry.Resource) &&
		(f.Namespace == "" || f.Namespace == entry.Namespace) &&
		(f.Name == "" || f.Name == entry.Name) &&
		strings.Contains(entry.Path, f.Path)
}

func (f *Fault) strikes() bool {
	f.Matched++
	var is bool
	switch {
	case f.First > 0:
		is = f.Matched <= f.First
	case f.Every > 0:
		is = f.Matched%f.Every == 0
	case len(f.Nth) > 0:
		is = slices.Contains(f.Nth, f.Matched)
	default:
		// Drawn for every fitting request, so that the n-th one is struck or not whatever came between.
		is = f.random.Float64() < f.Probability
	}
	if !is || (f.Limit > 0 && f.Injected >= f.Limit) {
		return false
	}
	f.Injected++
	return true
}

// Script holds the rules in force.
type Script struct {
	mutex   sync.Mutex
	faults  []*Fault
	release chan struct{}
	held    int
}

func newScript() *Script {
	return &Script{faults: []*Fault{}, release: make(chan struct{})}
}

func (s *Script) set(faults []*Fault) error {
	for _, fault := range faults {
		if err := fault.check(); err != nil {
			return err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.faults = faults
	return nil
}

// pick returns a copy of the fault that strikes this request; its kind is empty when none does.
func (s *Script) pick(entry *Entry) Fault {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, fault := range s.faults {
		if fault.fits(entry) && fault.strikes() {
			return *fault
		}
	}
	return Fault{}
}

func (s *Script) restart() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, fault := range s.faults {
		fault.restart()
	}
}

// wait keeps the caller until the next release.
func (s *Script) wait(gone <-chan struct{}) {
	s.mutex.Lock()
	release := s.release
	s.held++
	s.mutex.Unlock()
	select {
	case <-release:
	case <-gone:
	}
	s.mutex.Lock()
	s.held--
	s.mutex.Unlock()
}

func (s *Script) letGo() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	close(s.release)
	s.release = make(chan struct{})
}

func (s *Script) snapshot() ([]Fault, map[string]int, int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	faults := make([]Fault, 0, len(s.faults))
	injected := map[string]int{}
	for _, fault := range s.faults {
		faults = append(faults, *fault)
		injected[fault.Kind] += fault.Injected
	}
	return faults, injected, s.held
}
