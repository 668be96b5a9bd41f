package fs

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"

	"ais/object"
)

// index is one opening of a mountpath's Pebble. After a failure of its log it is
// retired and never used again; the mountpath opens another.
type index struct {
	db       *pebble.DB
	fs       *indexFS
	locks    nameLocks
	doubts   doubts
	counters counters
	marks    marks
	changed  atomic.Bool // since the last checkpoint
	versions atomic.Bool // there is, or may be, a record under kindVersion; never taken back
	uploads  atomic.Bool // likewise under kindUpload

	stage    atomic.Int32 // an opening
	users    atomic.Int64 // operations inside
	closed   atomic.Bool  // no operation may enter
	fail     sync.Once
	reason   atomic.Pointer[error]
	readOnly bool                // nothing can be changed
	failed   func(*index, error) // told once, of the failure that retires the index
}

// opening is how far an index is with being opened by Pebble.
type opening int32

const (
	beingOpened opening = iota
	opened
	unopened // it failed
)

// indexOptions are what all mountpaths' indexes share.
type indexOptions struct {
	os       OS
	cache    *pebble.Cache
	files    *pebble.FileCache
	memTable uint64
	logger   *slog.Logger
	readOnly bool // of one opening
}

// pebbleOptions tunes Pebble for point reads of names that mostly exist once,
// small memory, and a log whose unsynced tail is an end and not damage: from
// FormatWALSyncChunks on, records promise how much of the log was synced, which
// would be untrue where a process commit left the sync out.
func (o indexOptions) pebbleOptions(x *index) *pebble.Options {
	opts := &pebble.Options{
		FS:                          x.fs,
		Cache:                       o.cache,
		FileCache:                   o.files,
		MemTableSize:                o.memTable,
		MemTableStopWritesThreshold: 3,
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       24,
		LBaseMaxBytes:               64 << 20,
		MaxOpenFiles:                500,
		FormatMajorVersion:          pebble.FormatColumnarBlocks,
		Merger:                      counterMerger(),
		Logger:                      indexLogger{o.logger},
		BytesPerSync:                512 << 10,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 2 },
	}
	opts.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) {
			switch opening(x.stage.Load()) {
			case unopened:
				runtime.Goexit() // Pebble would go on to try for ever
			case beingOpened: // it would wait for ever for what fails now
				x.fs.freeze()
				x.retire(err)
			case opened:
				o.logger.Warn("index: background error", "err", err)
			}
		},
		DataCorruption: func(info pebble.DataCorruptionInfo) { o.logger.Error("index: corrupt table", "info", info.String()) },
	}
	for i := range opts.Levels {
		opts.Levels[i].BlockSize = 8 << 10
		opts.Levels[i].IndexBlockSize = 64 << 10
		opts.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
		opts.Levels[i].FilterType = pebble.TableFilter
	}
	opts.TargetFileSizes[0] = 4 << 20
	return opts
}

// openIndex opens the index in dir, or makes it unless it must exist; failed
// hears, once, when its log fails.
func openIndex(dir string, mustExist bool, o indexOptions, failed func(*index, error)) (x *index, err error) {
	x = &index{fs: &indexFS{os: o.os}, failed: failed, readOnly: o.readOnly}
	x.fs.onError = func(op string, err error) { x.retire(fmt.Errorf("%s: %w", op, err)) }
	defer recoverFatal(&err)
	opts := o.pebbleOptions(x)
	if opts.ReadOnly = o.readOnly; !o.readOnly {
		if err := mkdirAll(o.os, "index.mkdir", dir, 0o755); err != nil {
			return nil, err
		}
	}
	opts.ErrorIfNotExists = mustExist
	x.db, err = pebble.Open(dir, opts)
	if err != nil {
		x.fs.freeze()
		x.stage.Store(int32(unopened))
		o.cache.Ref() // what Pebble has begun in the background uses both, and nobody hears when it ends
		o.files.Ref()
		return nil, err
	}
	x.stage.Store(int32(opened))
	err = x.counters.load(x.db)
	if err == nil {
		err = errors.Join(x.lookFor(kindVersion, &x.versions), x.lookFor(kindUpload, &x.uploads))
	}
	if err == nil {
		err = x.doubts.load(x.db)
	}
	if err == nil {
		err = x.marks.load(x.db)
	}
	if err == nil {
		err = x.cause()
	}
	if err != nil {
		x.fs.freeze()
		x.discard()
		return nil, err
	}
	return x, nil
}

// lookFor finds out whether the index has any record of a kind.
func (x *index) lookFor(kind byte, found *atomic.Bool) error {
	it, err := x.db.NewIter(&pebble.IterOptions{LowerBound: []byte{kind}, UpperBound: []byte{kind + 1}})
	if err != nil {
		return err
	}
	found.Store(it.First())
	return errors.Join(it.Error(), it.Close())
}

// noteKind notes, before anyone can see it, that a record of a kind is there.
func (x *index) noteKind(kind byte) {
	switch kind {
	case kindVersion:
		x.versions.Store(true)
	case kindUpload:
		x.uploads.Store(true)
	}
}

// enter begins an operation. Every nil is to be followed by leave.
func (x *index) enter() error {
	x.users.Add(1)
	if x.closed.Load() {
		x.users.Add(-1)
		return object.Unavailable
	}
	return nil
}

func (x *index) leave() { x.users.Add(-1) }

// cause returns what the index was retired for, nil if it was not.
func (x *index) cause() error {
	if e := x.reason.Load(); e != nil {
		return *e
	}
	return nil
}

// discard gives back the memory of a frozen index, as far as it lets go of it.
func (x *index) discard() {
	x.closed.Store(true)
	go func() {
		var err error
		defer recoverFatal(&err)
		_ = x.db.Close()
	}()
}

// retire refuses all later operations and tells the mountpath, once. It does not
// wait: the goroutine that calls may hold what the others wait for.
func (x *index) retire(cause error) {
	x.fail.Do(func() {
		x.reason.Store(&cause)
		x.closed.Store(true)
		x.failed(x, cause)
	})
}

// drain waits until no operation is inside, at most patience, and reports
// whether that is so.
func (x *index) drain(patience time.Duration) bool {
	deadline := time.Now().Add(patience)
	for pause := 50 * time.Microsecond; x.users.Load() > 0; pause = min(2*pause, 20*time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(pause) // between looks at the condition
	}
	return true
}

// close ends a healthy index.
func (x *index) close() (err error) {
	if x.closed.Swap(true) {
		return nil
	}
	defer x.fs.freeze()
	defer recoverFatal(&err)
	if !x.drain(10 * time.Second) {
		return errors.New("operations are still running")
	}
	x.fs.power.Add(1) // the last sync counts, whoever wrote last
	return x.db.Close()
}

// apply commits a batch and closes it. When it returns nil the batch is in the
// log: written, and with Power also synced. After any failure the index is
// retired, and whether the batch will be there is not known.
func (x *index) apply(b *pebble.Batch, d object.Durability) error {
	if d == object.Power {
		x.fs.power.Add(1)
		defer x.fs.power.Add(-1)
	}
	return x.write(b, true)
}

// applyLazily is apply for what may be lost with the process: the batch is seen at
// once, and written to the log along with the next one that waits for that.
func (x *index) applyLazily(b *pebble.Batch) error { return x.write(b, false) }

func (x *index) write(b *pebble.Batch, wait bool) (err error) {
	if x.readOnly {
		return errors.Join(errReadOnly, b.Close())
	}
	defer func() {
		if err != nil {
			x.retire(err)
		}
	}()
	defer recoverFatal(&err)
	if x.closed.Load() {
		return errRetired
	}
	if b.Empty() {
		return b.Close()
	}
	if wait {
		err = x.db.ApplyNoSyncWait(b, pebble.Sync)
	} else {
		err = x.db.Apply(b, pebble.NoSync)
	}
	if err == nil && wait {
		err = b.SyncWait()
	}
	if err != nil {
		return err
	}
	if x.fs.frozen.Load() {
		return errRetired // Pebble was told a lie
	}
	if !x.changed.Load() {
		x.changed.Store(true)
	}
	return b.Close()
}

// sync makes everything that was committed so far durable.
func (x *index) sync() (err error) {
	if err := x.enter(); err != nil {
		return err
	}
	defer x.leave()
	b := x.db.NewBatch()
	if err := b.LogData(nil, nil); err != nil {
		return err
	}
	return x.apply(b, object.Power)
}

// get returns the value of key as the text that decoders work on.
func (x *index) get(key []byte) (value string, found bool, err error) { return get(x.db, key) }

func get(from pebble.Reader, key []byte) (value string, found bool, err error) {
	v, closer, err := from.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	value = string(v)
	return value, true, closer.Close()
}

// fatal is what Pebble wanted to end the process for.
type fatal struct{ text string }

func (f fatal) Error() string { return "index: " + f.text }

// recoverFatal turns a panic below our own call of Pebble into an error.
func recoverFatal(err *error) {
	switch r := recover().(type) {
	case nil:
	case error:
		*err = errors.Join(*err, fmt.Errorf("index: %w", r))
	default:
		*err = errors.Join(*err, fatal{fmt.Sprint(r)})
	}
}

// indexLogger is what Pebble logs to. Fatalf must not return, and must not end
// the process, which has other mountpaths. On a goroutine of ours it unwinds to
// recoverFatal; one of Pebble's own has no caller to tell and is parked for good.
type indexLogger struct{ log *slog.Logger }

// Infof implements pebble.Logger.
func (l indexLogger) Infof(string, ...any) {}

// Errorf implements pebble.Logger.
func (l indexLogger) Errorf(format string, args ...any) {
	l.log.Warn("index: " + fmt.Sprintf(format, args...))
}

// Fatalf implements pebble.Logger.
func (l indexLogger) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.log.Error("index: fatal: " + text)
	if onOurStack() {
		panic(fatal{text})
	}
	select {}
}

// onOurStack reports whether a function of this package that recovers is among
// the callers.
func onOurStack() bool {
	var pcs [64]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "ais/fs.") && !strings.Contains(f.Function, "indexLogger") &&
			!strings.Contains(f.Function, "onOurStack") && !strings.Contains(f.Function, "indexF") {
			return true
		}
		if !more {
			return false
		}
	}
}
