package daemon

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"archive/tar"

	"gopkg.in/natefinch/lumberjack.v2"
)

// The bounds of a log.
const (
	logKept     = 4 << 20 // bytes of the newest lines that are kept in memory
	logFileSize = 16      // MiB of a file, after which another is begun
	logFiles    = 7       // files kept besides the one that is written
)

// Log is where a node's log goes: every line is passed on, and the newest are kept,
// to be asked for. A line is what one Write brings, in slog's JSON.
type Log struct {
	name string
	out  io.Writer
	file *lumberjack.Logger // out, where that is a file
	keep int

	mu   sync.Mutex
	kept []byte // whole lines
	base int64  // bytes that were dropped before kept
}

// NewLog returns the log of the node name, which goes to out.
func NewLog(name string, out io.Writer) *Log { return &Log{name: name, out: out, keep: logKept} }

// OpenLog returns the log of the node name, which goes to files in a directory that
// is made where it is missing: NAME.log, and beside it up to 7 older ones.
func OpenLog(name, dir string) (*Log, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, err
	}
	file := &lumberjack.Logger{Filename: filepath.Join(dir, name+".log"), MaxSize: logFileSize, MaxBackups: logFiles}
	l := NewLog(name, file)
	l.file = file
	return l, nil
}

// Write adds a line.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	if over := len(l.kept) + len(line) - l.keep; over > 0 {
		l.drop(over + l.keep/8) // some more, so that it is not moved for every line
	}
	if len(line) <= l.keep {
		l.kept = append(l.kept, line...)
	}
	l.mu.Unlock()
	return l.out.Write(line)
}

// drop forgets the oldest lines that have at least n bytes, or all.
func (l *Log) drop(n int) {
	n = min(n, len(l.kept))
	if i := bytes.IndexByte(l.kept[n:], '\n'); i >= 0 {
		n += i + 1
	} else {
		n = len(l.kept)
	}
	l.base += int64(n)
	l.kept = append(l.kept[:0], l.kept[n:]...)
}

// Tail returns the lines of at least the severity that begin at offset or later, and
// the offset to ask with for those that come after. An offset counts the bytes of all
// lines since the start; what is not kept any more is left out.
func (l *Log) Tail(offset int64, severity slog.Level) (lines []byte, next int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next = l.base + int64(len(l.kept))
	from := min(max(offset-l.base, 0), int64(len(l.kept)))
	var out bytes.Buffer
	for line := range bytes.Lines(l.kept[from:]) {
		if levelOf(line) >= severity {
			out.Write(line)
		}
	}
	return out.Bytes(), next
}

// Rotate begins a new file. Without files there is nothing to do.
func (l *Log) Rotate() error {
	if l.file == nil {
		return nil
	}
	return l.file.Rotate()
}

// Archive writes all that there is of the log, the lines of at least the severity, as
// a gzipped tar: the files, oldest first, or what is in memory where there are none.
func (l *Log) Archive(w io.Writer, severity slog.Level) error {
	zip := gzip.NewWriter(w)
	to := tar.NewWriter(zip)
	var err error
	if names := l.files(); len(names) > 0 {
		for _, name := range names {
			if err = addFile(to, name, severity); err != nil {
				return err
			}
		}
	} else {
		lines, _ := l.Tail(0, severity)
		err = addMember(to, l.name+".log", int64(len(lines)), bytes.NewReader(lines))
	}
	if err == nil {
		err = to.Close()
	}
	if err == nil {
		err = zip.Close()
	}
	return err
}

// files returns the paths of the log's files, oldest first: the names of the older
// ones carry the time, and sort before the one that is written.
func (l *Log) files() []string {
	if l.file == nil {
		return nil
	}
	base := strings.TrimSuffix(l.file.Filename, ".log")
	older, _ := filepath.Glob(base + "-[0-9]*.log") // the pattern is legal
	return append(older, l.file.Filename)
}

// addFile adds a file's lines. The file may grow meanwhile, or be gone: what is added
// is what it had.
func addFile(to *tar.Writer, name string, severity slog.Level) error {
	file, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	whole := io.NewSectionReader(file, 0, info.Size())
	if severity <= slog.LevelDebug {
		return addMember(to, filepath.Base(name), info.Size(), whole)
	}
	size, err := io.Copy(io.Discard, &filtered{from: newLines(whole), severity: severity})
	if err != nil {
		return err
	}
	if _, err := whole.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return addMember(to, filepath.Base(name), size, &filtered{from: newLines(whole), severity: severity})
}

func addMember(to *tar.Writer, name string, size int64, content io.Reader) error {
	if err := to.WriteHeader(&tar.Header{Name: name, Mode: 0o640, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(to, content)
	return err
}
