// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// limited passes a number of events of a watch on and then fails as a fault says. Events are lines, as in JSON.
type limited struct {
	source io.ReadCloser
	fault  Fault
	left   int
	last   []byte // what is still to be passed on when no more is read
	mutex  sync.Mutex
	isOver bool
	timer  *time.Timer
}

func newLimited(source io.ReadCloser, fault Fault) *limited {
	l := &limited{source: source, fault: fault, left: fault.AfterEvents}
	if fault.AfterSeconds > 0 {
		l.timer = time.AfterFunc(time.Duration(fault.AfterSeconds*float64(time.Second)), func() {
			l.mutex.Lock()
			l.isOver = true
			l.mutex.Unlock()
			source.Close()
		})
	}
	return l
}

// counts tells whether events decide. With seconds alone, they do not.
func (l *limited) counts() bool { return l.fault.AfterEvents > 0 || l.fault.AfterSeconds == 0 }

func (l *limited) Read(into []byte) (int, error) {
	if l.last != nil {
		return l.finish(into)
	}
	if l.counts() && l.left == 0 {
		return l.begin(into)
	}
	number, err := l.source.Read(into)
	if l.counts() {
		for position := 0; position < number; position++ {
			if into[position] == '\n' {
				if l.left--; l.left == 0 {
					return position + 1, nil
				}
			}
		}
	}
	l.mutex.Lock()
	isOver := l.isOver
	l.mutex.Unlock()
	if err != nil && isOver {
		return l.begin(into)
	}
	return number, err
}

// begin starts the failure.
func (l *limited) begin(into []byte) (int, error) {
	l.last = []byte{}
	if l.fault.Kind == watchGone {
		event := map[string]any{"type": "ERROR", "object": status(410, "Expired", "too old resource version")}
		text, err := json.Marshal(event)
		if err != nil {
			return 0, err
		}
		l.last = append(text, '\n')
	}
	return l.finish(into)
}

func (l *limited) finish(into []byte) (int, error) {
	if len(l.last) > 0 {
		number := copy(into, l.last)
		l.last = l.last[number:]
		return number, nil
	}
	if l.fault.Kind == watchCut && l.fault.Mode == "cut" {
		return 0, errCut
	}
	return 0, io.EOF
}

func (l *limited) Close() error {
	if l.timer != nil {
		l.timer.Stop()
	}
	return l.source.Close()
}

// delayed passes what it reads on after a while, and reads on meanwhile, as a long line does.
type delayed struct {
	source io.ReadCloser
	parts  chan part
	closed chan struct{}
	once   sync.Once
	rest   bytes.Reader
	err    error
}

type part struct {
	due  time.Time
	data []byte
	err  error
}

func newDelayed(source io.ReadCloser, length time.Duration) *delayed {
	d := &delayed{source: source, parts: make(chan part, 1024), closed: make(chan struct{})}
	go func() {
		for {
			buffer := make([]byte, 32*1024)
			number, err := source.Read(buffer)
			select {
			case d.parts <- part{time.Now().Add(length), buffer[:number], err}:
			case <-d.closed:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return d
}

func (d *delayed) Read(into []byte) (int, error) {
	for d.rest.Len() == 0 {
		if d.err != nil {
			return 0, d.err
		}
		select {
		case next := <-d.parts:
			time.Sleep(time.Until(next.due))
			d.rest.Reset(next.data)
			d.err = next.err
		case <-d.closed:
			return 0, io.ErrClosedPipe
		}
	}
	return d.rest.Read(into)
}

func (d *delayed) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.source.Close()
}
