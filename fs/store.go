package fs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// Store is the objects on a target's mountpaths. Its methods may be called at
// the same time by many goroutines.
type Store struct {
	config     Config
	mountpaths []*mountpath // every one that places names, in the set's order
	cache      *pebble.Cache
	files      *pebble.FileCache
	pieces     sync.Pool // of *[]byte, pieceSize long: for copying and coalescing
	inlines    sync.Pool // of *[]byte, InlineMax long
	scratches  sync.Pool // of *scratch
	metrics    *metrics

	stop       chan struct{}
	background sync.WaitGroup
	sweeping   sync.Mutex
	closing    sync.Once
	closed     error
}

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
	s := &Store{config: c, stop: make(chan struct{}), cache: pebble.NewCache(c.CacheBytes)}
	s.files = pebble.NewFileCache(4, 500*len(set))
	s.pieces.New = func() any { b := make([]byte, pieceSize); return &b }
	s.inlines.New = func() any { b := make([]byte, c.InlineMax); return &b }
	s.scratches.New = func() any { return &scratch{} }
	shared := indexOptions{os: c.OS, cache: s.cache, files: s.files, memTable: c.MemTableBytes, logger: c.Logger}
	for i, m := range set {
		s.mountpaths = append(s.mountpaths, newMountpath(&s.config, m, dirs[i]))
	}
	if err := s.openAll(shared, dirs); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.metrics, err = newMetrics(s, c.Registerer); err != nil {
		return nil, errors.Join(object.E("fs.Open", "", object.Internal, err), s.Close())
	}
	s.startBackground()
	return s, nil
}

// openAll opens the mountpaths; the error is for a conflict, or if none works.
func (s *Store) openAll(shared indexOptions, dirs []string) error {
	var failures []error
	for i, m := range s.mountpaths {
		err := error(errNoIdentity)
		if dirs[i] != "" {
			if err = m.open(shared); err != nil && object.KindOf(err) != object.Busy {
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
	if len(failures) == len(s.mountpaths) {
		return object.E("fs.Open", s.mountpaths[0].dir, object.Unavailable, errors.Join(failures...))
	}
	return nil
}

// Close ends the background work, waits for operations that are running, and
// closes the mountpaths. Readers that are open stay readable. It may be called twice.
func (s *Store) Close() error {
	s.closing.Do(func() {
		close(s.stop)
		s.background.Wait()
		var errs []error
		for _, m := range s.mountpaths {
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

// place returns the mountpath that holds a name, and the name's digest.
func (s *Store) place(n object.Name) (*mountpath, uint64) {
	digest := n.Digest()
	best := s.mountpaths[0]
	if len(s.mountpaths) == 1 {
		return best, digest
	}
	top := object.Score(digest, best.hash, best.weight)
	for _, m := range s.mountpaths[1:] {
		if score := object.Score(digest, m.hash, m.weight); score > top {
			best, top = m, score
		}
	}
	return best, digest
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
	for _, m := range s.mountpaths {
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

// Weight returns the capacity of all mountpaths in GiB as their set was made,
// the weight that the target is placed by.
func (s *Store) Weight() float64 {
	total := 0.0
	for _, m := range s.mountpaths {
		total += m.weight
	}
	return total
}
