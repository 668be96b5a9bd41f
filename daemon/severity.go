package daemon

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"

	"ais/object"
)

// ParseSeverity returns the level that a log is asked for with: info (or nothing) is
// all there is, warning also has errors. The error is of kind Invalid.
func ParseSeverity(text string) (slog.Level, error) {
	switch text {
	case "", "info":
		return slog.LevelDebug, nil
	case "warning", "warn", "w":
		return slog.LevelWarn, nil
	case "error", "err", "e":
		return slog.LevelError, nil
	}
	return 0, object.E("daemon.Log", "severity", object.Invalid, errors.New("the severity is info, warning or error"))
}

// levelOf returns the level of a line that slog's JSON handler wrote, where the level
// comes second; that of another line is an error's, so that it is not overlooked.
func levelOf(line []byte) slog.Level {
	const key = `"level":"`
	head := line[:min(len(line), 100)]
	_, rest, ok := bytes.Cut(head, []byte(key))
	text, _, closed := bytes.Cut(rest, []byte(`"`))
	var level slog.Level
	if !ok || !closed || level.UnmarshalText(text) != nil {
		return slog.LevelError
	}
	return level
}

// maxLine is the longest line that is looked at as one.
const maxLine = 64 << 10

func newLines(r io.Reader) *bufio.Reader { return bufio.NewReaderSize(r, maxLine) }

// filtered reads the lines of at least a severity.
type filtered struct {
	from     *bufio.Reader
	severity slog.Level
	line     []byte // what is left of the present line
	within   bool   // the line goes on, for it is longer than maxLine
	passes   bool   // it, or the last one, is passed on
}

// Read implements io.Reader.
func (f *filtered) Read(p []byte) (int, error) {
	for len(f.line) == 0 {
		line, err := f.from.ReadSlice('\n')
		if len(line) == 0 {
			return 0, err
		}
		if !f.within {
			f.passes = levelOf(line) >= f.severity
		}
		f.within = errors.Is(err, bufio.ErrBufferFull)
		if f.passes {
			f.line = line
		}
	}
	n := copy(p, f.line)
	f.line = f.line[n:]
	return n, nil
}
