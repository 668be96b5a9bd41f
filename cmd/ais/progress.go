package main

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// progress shows on a terminal how far a transfer is, from its second second on.
// A nil progress shows nothing.
type progress struct {
	w     io.Writer
	width func() int
	label string
	start time.Time
	stop  chan struct{}
	ended chan struct{}
	shown bool // owned by run; read after ended

	total     atomic.Int64 // bytes; 0 for not known
	done      atomic.Int64 // bytes
	had       atomic.Int64 // of those done, bytes that were there before
	files     atomic.Int64 // how many, 0 for one that needs no counting
	filesDone atomic.Int64
	growing   atomic.Bool // there may be more files than were found yet
}

// The times of the display.
const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
	speedOver     = 25 // ticks that the speed is measured over
)

// progress returns a running display, nil where there is no terminal or it is not
// wanted. total is in bytes, 0 for not known.
func (a *app) progress(label string, total int64) *progress {
	if !a.terminal || a.noProgress {
		return nil
	}
	p := &progress{
		w: a.err, width: func() int { return terminalWidth(a.err) - 1 }, label: printable(label), start: time.Now(),
		stop: make(chan struct{}), ended: make(chan struct{}),
	}
	p.total.Store(total)
	go p.run()
	return p
}

// printable replaces what could do something to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// add counts bytes; a negative number takes them back.
func (p *progress) add(n int64) {
	if p != nil {
		p.done.Add(n)
	}
}

// keep counts bytes that need not be sent.
func (p *progress) keep(n int64) {
	if p != nil {
		p.had.Add(n)
		p.done.Add(n)
	}
}

// found counts a file to be transferred.
func (p *progress) found(size int64) {
	if p != nil {
		p.files.Add(1)
		p.total.Add(size)
	}
}

// finding says whether there may be more files than were found.
func (p *progress) finding(on bool) {
	if p != nil {
		p.growing.Store(on)
	}
}

// finished counts a file that is done with.
func (p *progress) finished() {
	if p != nil {
		p.filesDone.Add(1)
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
	type sample struct {
		at   time.Time
		sent int64
	}
	samples := []sample{{p.start, 0}}
	for {
		p.shown = true
		now := sample{time.Now(), p.done.Load() - p.had.Load()}
		samples = append(samples, now)
		samples = samples[max(0, len(samples)-speedOver):]
		speed := float64(now.sent-samples[0].sent) / now.at.Sub(samples[0].at).Seconds()
		fmt.Fprintf(p.w, "\r%s\033[K", p.line(max(0, speed)))
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
	}
}

// line is what is shown at a speed in bytes a second.
func (p *progress) line(speed float64) string {
	return progressLine(p.label, p.count(), p.done.Load(), p.total.Load(), speed, p.width())
}

// count says how many files are done, "" for one that needs no counting.
func (p *progress) count() string {
	files := p.files.Load()
	if files == 0 {
		return ""
	}
	more := ""
	if p.growing.Load() {
		more = "+"
	}
	return fmt.Sprintf(" %d/%d%s", p.filesDone.Load(), files, more)
}

// progressLine returns label, files, bar, bytes, speed and the time left, in at
// most width columns: what does not fit is left out, the least telling first. A
// total of 0 is not known.
func progressLine(label, files string, done, total int64, speed float64, width int) string {
	left := "-"
	if speed > 0 && total >= done {
		left = formatAge(time.Duration(float64(total-done) / speed * float64(time.Second)))
	}
	share := 0.0
	if total > 0 {
		share = min(1, float64(done)/float64(total))
	}
	rate := " " + formatSize(int64(speed)) + "/s"
	if total == 0 {
		return fit(label, files+" "+formatSize(done)+rate, "", width)
	}
	percent := fmt.Sprintf(" %3.0f%%", share*100)
	figures := files + percent + " " + formatSize(done) + "/" + formatSize(total) + rate + " ETA " + left
	if room := width - len(figures) - runes(label) - 3; room >= leastBar {
		bar := min(mostBar, room)
		full := int(share * float64(bar))
		return label + " [" + strings.Repeat("=", full) + strings.Repeat(" ", bar-full) + "]" + figures
	}
	return fit(label, figures, files+percent+rate+" ETA "+left, width)
}

// The widths of a bar.
const mostBar, leastBar = 40, 10

func runes(s string) int { return len([]rune(s)) }

// fit joins a label and figures, or shorter ones, in width columns.
func fit(label, figures, shorter string, width int) string {
	const leastLabel = 8
	if len(figures)+min(leastLabel, runes(label)) > width && shorter != "" {
		figures = shorter
	}
	name := []rune(label)
	name = name[:max(0, min(len(name), width-len(figures)))]
	return string(name) + figures[:min(len(figures), max(0, width-len(name)))]
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
