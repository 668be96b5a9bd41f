package main

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"
)

// progress shows on a terminal how far a transfer is, from its second second on.
// A nil progress shows nothing.
type progress struct {
	w     io.Writer
	width int
	label string
	total int64
	done  atomic.Int64
	start time.Time
	stop  chan struct{}
	ended chan struct{}
	shown bool // owned by run; read after ended
}

// The times of the display.
const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

// progress returns a running display, nil where there is no terminal. total is
// in bytes.
func (a *app) progress(label string, total int64) *progress {
	if !a.terminal {
		return nil
	}
	p := &progress{
		w: a.err, width: terminalWidth(a.err), label: label, total: total, start: time.Now(),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	go p.run()
	return p
}

// add counts bytes.
func (p *progress) add(n int64) {
	if p != nil {
		p.done.Add(n)
	}
}

// close ends the display and clears its line.
func (p *progress) close() {
	if p == nil {
		return
	}
	close(p.stop)
	<-p.ended
	if p.shown {
		fmt.Fprintf(p.w, "\r\033[K")
	}
}

func (p *progress) run() {
	defer close(p.ended)
	wait := time.NewTimer(progressAfter)
	defer wait.Stop()
	select {
	case <-p.stop:
		return
	case <-wait.C:
	}
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		p.shown = true
		fmt.Fprintf(p.w, "\r%s\033[K", progressLine(p.label, p.done.Load(), p.total, time.Since(p.start), p.width-1))
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
	}
}

// progressLine returns label, bar, bytes, speed and the time left, in at most
// width columns.
func progressLine(label string, done, total int64, took time.Duration, width int) string {
	speed := float64(done) / took.Seconds()
	left := "-"
	if speed > 0 && total >= done {
		left = formatAge(time.Duration(float64(total-done) / speed * float64(time.Second)))
	}
	share := 1.0
	if total > 0 {
		share = min(1, float64(done)/float64(total))
	}
	figures := fmt.Sprintf(" %3.0f%% %s/%s %s/s ETA %s", share*100, formatSize(done), formatSize(total), formatSize(int64(speed)), left)
	const most, least = 40, 10
	bar := min(most, width-len(figures)-len(label)-3)
	if bar < least {
		keep := max(0, min(len(label), width-len(figures)))
		return label[:keep] + figures[:min(len(figures), max(0, width-keep))]
	}
	full := int(share * float64(bar))
	return label + " [" + strings.Repeat("=", full) + strings.Repeat(" ", bar-full) + "]" + figures
}

// counted counts what is read through it. It seeks if its source does; a seek
// takes back what was counted.
type counted struct {
	io.ReadSeeker
	p *progress
	n int64
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadSeeker.Read(b)
	c.n += int64(n)
	c.p.add(int64(n))
	return n, err
}

func (c *counted) Seek(offset int64, whence int) (int64, error) {
	if whence == io.SeekStart {
		c.p.add(-c.n)
		c.n = 0
	}
	return c.ReadSeeker.Seek(offset, whence)
}
