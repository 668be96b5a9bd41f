package fs

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Store is the objects on a target's mountpaths. Its methods may be called at
// the same time by many goroutines.
type Store struct {
	config    Config
	layout    atomic.Pointer[layout]
	cache     *pebble.Cache
	files     *pebble.FileCache
	pieces    sync.Pool // of *[]byte, pieceSize long: for copying and coalescing
	inlines   sync.Pool // of *[]byte, InlineMax long
	scratches sync.Pool // of *scratch
	metrics   *metrics
	metricsOf resilverStats
	shared    indexOptions

	changing    sync.Mutex    // held while the mountpaths are changed; guards tried
	tried       uint64        // the highest generation that may be on a disk
	resilvering chan struct{} // holds one while a resilver works
	tries       atomic.Uint32 // changes that were sent, or were to be; see Stamp.next
	// moves is held for reading while the records of a name are at two places, and
	// for writing while a listing begins, or names are counted, in a layout that is
	// not settled.
	moves    sync.RWMutex
	dropping sync.Map // of bucket ids; see DropBucket
	// unverified: mirrors were not compared with their homes since Open. Where the
	// power was lost, one may have what the other has not.
	unverified atomic.Bool
	healing    sync.Mutex    // guards healed
	healed     []object.Name // that are being repaired

	alive      context.Context // until Close
	die        context.CancelFunc
	stop       chan struct{}
	background sync.WaitGroup
	sweeping   sync.Mutex
	closing    sync.Once
	closed     error
}

// tryBits makes the clock's nanoseconds about as many as a target's changes are at
// most: 3,800 in a second.
const tryBits = 18

// pieceSize is how much of a large payload is in memory at a time.
const pieceSize = 128 << 10

// scratch is a pair of buffers to build a key and a value in.
type scratch struct{ key, value []byte }

// Open opens the mountpaths and starts the work in the background. A mountpath
// that cannot be opened makes its own names Unavailable; the error is for a
// Config that is not legal, data of another cluster or target, or no mountpath
// that works at all.
func Open(c Config) (*Store, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	set, dirs, err := settle(&c)
	if err != nil {
		return nil, err
	}
	s := &Store{config: c, stop: make(chan struct{}), resilvering: make(chan struct{}, 1), cache: pebble.NewCache(c.CacheBytes)}
	s.tries.Store(uint32(c.Now().UnixNano() >> tryBits))
	s.files = pebble.NewFileCache(4, 500*max(len(set.Members), 4))
	s.alive, s.die = context.WithCancel(context.Background())
	s.pieces.New = func() any { b := make([]byte, pieceSize); return &b }
	s.inlines.New = func() any { b := make([]byte, c.InlineMax); return &b }
	s.scratches.New = func() any { return &scratch{} }
	s.shared = indexOptions{os: c.OS, cache: s.cache, files: s.files, memTable: c.MemTableBytes, logger: c.Logger}
	by := make(map[string]*mountpath)
	for i, m := range set.Members {
		by[m.ID] = newMountpath(&s.config, &s.pieces, m, dirs[i])
		by[m.ID].welcome, by[m.ID].shared = s.welcome, s.shared
	}
	l := newLayout(set, by)
	s.layout.Store(l)
	if err := s.openAll(l, dirs); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.unverified.Store(set.Mirrors != nil)
	s.endMoves(l)
	if s.metrics, err = newMetrics(s, c.Registerer); err != nil {
		return nil, errors.Join(object.E("fs.Open", "", object.Internal, err), s.Close())
	}
	s.startBackground()
	return s, nil
}

// openAll opens the mountpaths; the error is for a conflict, or if none works.
func (s *Store) openAll(l *layout, dirs []string) error {
	var failures []error
	if l.set.Mirrors != nil {
		defer func() {
			for _, m := range l.all {
				if l.set.Members[l.set.index(m.id)].State != memberOff {
					s.openShadow(m)
				}
			}
		}()
	}
	for _, m := range l.all {
		i := l.set.index(m.id)
		if l.set.Members[i].State == memberOff {
			_ = m.switchOff(errForcedOff) // it is not open
			continue
		}
		err := error(errNoIdentity)
		if dirs[i] != "" {
			if err = m.open(s.shared); err != nil && object.KindOf(err) != object.Busy {
				err = s.restore(m, err)
			}
		}
		switch {
		case err == nil:
			continue
		case object.KindOf(err) == object.Busy:
			return err
		}
		m.disable(err)
		failures = append(failures, err)
	}
	for _, m := range l.all {
		if m.index.Load() != nil {
			return nil
		}
	}
	return object.E("fs.Open", l.all[0].dir, object.Unavailable, errors.Join(failures...))
}

var errForcedOff = errors.New("disabled by force")

// Close ends the background work, waits for operations that are running, and
// closes the mountpaths. Readers that are open stay readable. It may be called twice.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.stop)
		s.die()
		s.healing.Lock()   // whoever repairs has begun, or does not begin
		s.healing.Unlock() //nolint:staticcheck // see above
		s.background.Wait()
		s.resilvering <- struct{}{} // none works, and none begins
		var errs []error
		for _, m := range s.layout.Load().all {
			errs = append(errs, m.flushReads(), m.flush(), m.close())
		}
		if s.metrics != nil {
			s.metrics.unregister()
		}
		s.files.Unref()
		s.cache.Unref()
		if err := errors.Join(errs...); err != nil && !errors.Is(err, object.Unavailable) {
			s.closed = object.E("fs.Close", "", object.Internal, err)
		}
	})
	return s.closed
}

// startBackground starts the flushes, checkpoints and sweeps.
func (s *Store) startBackground() {
	ctx, cancel := context.WithCancel(context.Background())
	every := func(period time.Duration, atOnce bool, do func(context.Context)) {
		if period <= 0 {
			return
		}
		s.background.Add(1)
		go func() {
			defer s.background.Done()
			t := time.NewTicker(period)
			defer t.Stop()
			if atOnce {
				do(ctx)
			}
			for {
				select {
				case <-s.stop:
					return
				case <-t.C:
					do(ctx)
				}
			}
		}()
	}
	s.background.Add(1)
	go func() {
		defer s.background.Done()
		<-s.stop
		cancel()
	}()
	every(s.config.FlushEvery, false, func(context.Context) { s.flush() })
	every(s.config.CheckpointEvery, false, s.checkpoint)
	every(s.config.SweepEvery, true, func(ctx context.Context) {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.config.Logger.Warn("sweep", "err", err)
		}
	})
}

// flush unlinks what waits for it and writes access times down.
func (s *Store) flush() {
	for _, m := range s.layout.Load().everywhere() {
		m.unstageOld(stagedFor)
		if err := errors.Join(m.flush(), m.flushReadsIfMany()); err != nil && !errors.Is(err, object.Unavailable) {
			m.logger.Warn("flush", "err", err)
		}
	}
}

func (s *Store) scratch() *scratch { return s.scratches.Get().(*scratch) }

func (s *Store) putScratch(b *scratch) {
	if cap(b.value) <= 256<<10 {
		s.scratches.Put(b)
	}
}

// fault wraps err with what was tried, once, at the edge of the package.
func fault(op string, n object.Name, err error) error {
	if err == nil {
		return nil
	}
	var e *object.Error
	if errors.As(err, &e) {
		return err
	}
	var k object.Kind
	if errors.As(err, &k) {
		if err == error(k) {
			return object.E(op, n.Key, k, nil)
		}
		return object.E(op, n.Key, k, err)
	}
	return object.E(op, n.Key, writeKind(err), err)
}

// Weight returns the capacity in GiB of all mountpaths that names are placed on, as
// they became members: what the target's share of names is measured by.
func (s *Store) Weight() float64 {
	total := 0.0
	for _, m := range s.layout.Load().sets[0] {
		total += m.weight
	}
	return total
}
