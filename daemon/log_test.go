package daemon

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ais/object"
)

// logged returns a log that went through slog, and a logger to it.
func logged(l *Log) *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

func TestTail(t *testing.T) {
	var out bytes.Buffer
	l := NewLog("t1", &out)
	log := logged(l)
	log.Info("one")
	log.Warn("two")
	log.Error("three", "cause", `"level":"INFO"`)
	for severity, want := range map[string][]string{
		"info": {"one", "two", "three"}, "": {"one", "two", "three"}, "warning": {"two", "three"}, "error": {"three"},
	} {
		level, err := ParseSeverity(severity)
		if err != nil {
			t.Fatal(err)
		}
		lines, next := l.Tail(0, level)
		if got := messages(lines); fmt.Sprint(got) != fmt.Sprint(want) || next != int64(out.Len()) {
			t.Errorf("severity %q: %v, next %d; want %v, next %d", severity, got, next, want, out.Len())
		}
	}
	_, next := l.Tail(0, slog.LevelDebug)
	if lines, again := l.Tail(next, slog.LevelDebug); len(lines) != 0 || again != next {
		t.Errorf("nothing has come, but there is %q", lines)
	}
	log.Info("four")
	if lines, _ := l.Tail(next, slog.LevelDebug); fmt.Sprint(messages(lines)) != "[four]" {
		t.Errorf("after the offset: %q", lines)
	}
	if _, err := ParseSeverity("loud"); !errors.Is(err, object.Invalid) {
		t.Errorf("severity loud: %v", err)
	}
}

// messages returns the texts of lines.
func messages(lines []byte) []string {
	var out []string
	for line := range strings.Lines(string(lines)) {
		_, rest, _ := strings.Cut(line, `"msg":"`)
		text, _, _ := strings.Cut(rest, `"`)
		out = append(out, text)
	}
	return out
}

// What is kept is bounded, whole lines, and the newest.
func TestLogBounded(t *testing.T) {
	l := NewLog("t1", io.Discard)
	l.keep = 4 << 10
	log := logged(l)
	for i := range 1000 {
		log.Info(fmt.Sprint("line ", i))
		if len(l.kept) > l.keep {
			t.Fatalf("%d bytes are kept", len(l.kept))
		}
	}
	lines, _ := l.Tail(0, slog.LevelDebug)
	got := messages(lines)
	if len(got) < 20 || got[len(got)-1] != "line 999" || !bytes.HasPrefix(lines, []byte(`{"time"`)) {
		t.Errorf("%d lines, the last %q, begin with %q", len(got), got[len(got)-1], lines[:20])
	}
	if _, err := l.Write(bytes.Repeat([]byte("x"), 5<<10)); err != nil {
		t.Fatal(err)
	}
	if len(l.kept) != 0 {
		t.Errorf("a line longer than all that is kept leaves %d bytes", len(l.kept))
	}
}

func TestArchive(t *testing.T) {
	dir := t.TempDir()
	files, err := OpenLog("t1", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { files.file.Close() })
	memory := NewLog("t1", io.Discard)
	for _, l := range []*Log{files, memory} {
		logged(l).Info("old")
		if err := l.Rotate(); err != nil {
			t.Fatal(err)
		}
		logged(l).Info("new")
		logged(l).Error("bad", "long", strings.Repeat("x", 2*maxLine))
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 2 {
		t.Errorf("after a rotation there are %v", names)
	}
	for l, members := range map[*Log]int{files: 2, memory: 1} {
		if got, n := unpack(t, l, slog.LevelDebug); fmt.Sprint(got) != "[old new bad]" || n != members {
			t.Errorf("all: %v in %d members, not %d", got, n, members)
		}
		if got, _ := unpack(t, l, slog.LevelError); fmt.Sprint(got) != "[bad]" {
			t.Errorf("errors: %v", got)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if got, n := unpack(t, files, slog.LevelDebug); n != 0 {
		t.Errorf("files that are gone: %v in %d members", got, n)
	}
}

// unpack returns the messages of an archive, and how many files it has.
func unpack(t *testing.T, l *Log, severity slog.Level) (got []string, members int) {
	t.Helper()
	var packed bytes.Buffer
	if err := l.Archive(&packed, severity); err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(&packed)
	if err != nil {
		t.Fatal(err)
	}
	from := tar.NewReader(zip)
	for {
		_, err := from.Next()
		if err == io.EOF {
			return got, members
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(from)
		if err != nil {
			t.Fatal(err)
		}
		members++
		got = append(got, messages(content)...)
	}
}
