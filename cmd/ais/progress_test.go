package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestProgressLine(t *testing.T) {
	for _, x := range []struct {
		files       string
		done, total int64
		width       int
		want        string
	}{
		{"", 50 << 20, 100 << 20, 100, "PUT x [====================                    ]  50% 50.00MiB/100.00MiB 10.00MiB/s ETA 5s"},
		{" 3/9+", 50 << 20, 100 << 20, 60, "PUT x 3/9+  50% 50.00MiB/100.00MiB 10.00MiB/s ETA 5s"},
		{" 3/9", 50 << 20, 100 << 20, 40, "PUT x 3/9  50% 10.00MiB/s ETA 5s"},
		{"", 50 << 20, 0, 80, "PUT x 50.00MiB 10.00MiB/s"},
		{"", 200 << 20, 100 << 20, 80, "PUT x [==============================] 100% 200.00MiB/100.00MiB 10.00MiB/s ETA -"},
	} {
		if line := progressLine("PUT x", x.files, x.done, x.total, 10<<20, x.width); line != x.want {
			t.Errorf("%q, want %q", line, x.want)
		}
	}
	for width := range 120 {
		for _, total := range []int64{0, 1 << 30} {
			line := progressLine("GET ä-löng-näme-of-an-object", " 1/2", 1, total, 1, width)
			if n := len([]rune(line)); n > width || strings.ContainsRune(line, '\uFFFD') {
				t.Errorf("%d columns in %d: %q", n, width, line)
			}
		}
	}
}

// screen is a terminal that says when something was drawn.
type screen struct {
	bytes.Buffer
	drawn chan struct{}
}

func (s *screen) Write(b []byte) (int, error) {
	s.drawn <- struct{}{}
	return s.Buffer.Write(b)
}

// The display appears only after a while, and leaves nothing behind.
func TestProgressIsCleared(t *testing.T) {
	out := screen{drawn: make(chan struct{}, 100)}
	a := &app{err: &out, terminal: true}
	p := a.progress("PUT a\x1b[2Jb", 100)
	p.found(28)
	p.keep(28)
	p.add(100)
	p.finished()
	<-out.drawn
	p.close()
	if got := out.String(); !strings.HasPrefix(got, "\rPUT a?[2Jb [=====") || !strings.Contains(got, "] 1/1 100% 128B/128B ") || !strings.HasSuffix(got, "\r\033[K") {
		t.Errorf("%q", got)
	}
	out.Reset()
	a.progress("PUT x", 1).close()
	a.noProgress = true
	if p := a.progress("PUT x", 1); p != nil || out.Len() > 0 {
		t.Errorf("%v %q", p, out.String())
	}
}
