package fs

import (
	"errors"
	"hash"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"ais/object"
)

// mountpath is one disk: an index, and the blobs that it refers to.
type mountpath struct {
	dir    string // "" where it was not found
	id     string // uuid
	hash   uint64
	weight float64
	config *Config
	logger *slog.Logger

	index atomic.Pointer[index] // nil while the mountpath is failed
	blobs blobDirs
	keep  *keeper
	space space
	stats mountpathStats
	reads accessTimes

	arrivals arrivals

	hashes sync.Pool  // of hash.Hash64
	pieces *sync.Pool // the store's

	mu       sync.Mutex // guards the rest
	lock     File
	cause    error // why it is failed
	stopped  bool
	used     bool      // the index must be there; set by open, and by who brings the mountpath back
	reviving bool      // somebody tries to bring it back
	checked  time.Time // when the last check began that an error caused
	work     sync.WaitGroup
	stop     chan struct{}
	shared   indexOptions

	shadow atomic.Pointer[mountpath] // what it has of mirrors; nil where no bucket is mirrored
	parent *mountpath                // of a shadow

	out      atomic.Bool // it is out of service, and not for a moment
	probing  sync.Mutex  // held by the one probe that runs
	judging  groupSync
	checking atomic.Bool                      // while a check runs
	welcome  func(*mountpath, identity) error // asked before a mountpath that comes back is opened; nil for one that is no member yet
}

func newMountpath(c *Config, pieces *sync.Pool, m member, dir string) *mountpath {
	mp := &mountpath{
		dir: dir, id: m.ID, hash: object.HashString(m.ID), weight: m.Weight, config: c,
		logger: c.Logger.With("mountpath", m.Dir),
		keep:   newKeeper(),
		stop:   make(chan struct{}),
		pieces: pieces,
	}
	if dir == "" {
		mp.dir = m.Dir
	}
	mp.blobs.os, mp.blobs.root = c.OS, filepath.Join(mp.dir, "blobs")
	mp.space = space{os: c.OS, dir: mp.dir, reserve: c.ReserveBytes, now: c.Now}
	mp.hashes.New = func() any { return object.XXHash.New().(hash.Hash64) }
	return mp
}

// open locks the mountpath and opens its index.
func (m *mountpath) open(shared indexOptions) error {
	m.shared = shared
	f, err := m.config.OS.OpenFile("mountpath.lock", filepath.Join(m.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if err := lockFile(f); err != nil {
		return errors.Join(object.E("fs.Open", m.dir, object.Busy, errors.New("another process has the mountpath open")), f.Close())
	}
	m.lock = f
	// The index is made before blobs/. So where blobs/ is, an index that is not
	// there was lost, and an empty one in its place would cost every blob.
	_, err = m.config.OS.List("blobs.list", m.blobs.root)
	m.used = err == nil
	if err := m.openIndex(false); err != nil {
		return err
	}
	m.used = true
	return m.blobs.prepare()
}

func (m *mountpath) openIndex(readOnly bool) error {
	o := m.shared
	o.readOnly = readOnly
	x, err := openIndex(filepath.Join(m.dir, "index"), m.used, o, m.failed)
	if err != nil {
		return err
	}
	m.index.Store(x)
	if x.closed.Load() && m.index.CompareAndSwap(x, nil) { // it failed before it was here to be taken away
		return errRetired
	}
	return nil
}

// close ends the mountpath; the error is of closing the index cleanly.
func (m *mountpath) close() error {
	m.mu.Lock()
	if m.stopped {
		m.mu.Unlock()
		return nil
	}
	m.stopped = true
	close(m.stop)
	m.mu.Unlock()
	m.work.Wait()
	var err error
	if sh := m.shadow.Load(); sh != nil {
		err = sh.close()
	}
	if x := m.index.Swap(nil); x != nil {
		err = errors.Join(err, x.close())
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lock != nil {
		err = errors.Join(err, m.lock.Close())
		m.lock = nil
	}
	return err
}

// switchOff closes a mountpath that was put out of service; cause is what there is
// to tell of it.
func (m *mountpath) switchOff(cause error) error {
	var err error
	if m.index.Load() != nil {
		err = errors.Join(m.flushReads(), m.flush())
	}
	err = errors.Join(err, m.close())
	m.out.Store(true)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cause = cause
	return err
}

// use returns the index for one operation, which ends with leave; Unavailable
// while the mountpath is failed.
func (m *mountpath) use() (*index, error) {
	x := m.index.Load()
	if x == nil {
		return nil, object.Unavailable
	}
	return x, x.enter()
}

// unlinkAtOnce is how many blobs a request unlinks itself; more, of a multipart
// object, are left to the next flush.
const unlinkAtOnce = 16

// release lets go of blobs after the batch that removed their references was
// applied. For Process that batch may still be lost with the power, and the
// blobs with it would be an object damaged; they wait for the log's next sync.
func (m *mountpath) release(x *index, use uint64, blobs []blobID, d object.Durability) {
	if len(blobs) == 0 || m.keep.doom(use, blobs) {
		return
	}
	if d == object.Process || len(blobs) > unlinkAtOnce {
		m.keep.postpone(blobs)
		return
	}
	m.unlink(x, blobs)
}

// unpin ends a reader's hold on a use.
func (m *mountpath) unpin(use uint64) {
	if blobs := m.keep.unpin(use); len(blobs) > 0 {
		m.keep.postpone(blobs)
	}
}

// flush makes the log durable and unlinks what waited for that.
func (m *mountpath) flush() error {
	blobs := m.keep.takeWaiting()
	if len(blobs) == 0 {
		return nil
	}
	x, err := m.use()
	if err == nil {
		defer x.leave()
		err = x.sync()
	}
	if err != nil { // they are orphans, and the sweep finds them
		m.keep.unhold(blobs)
		return err
	}
	m.unlink(x, blobs)
	return nil
}

// unlink lets go of held blobs and removes those that nothing refers to.
func (m *mountpath) unlink(x *index, blobs []blobID) {
	for _, id := range m.keep.unhold(blobs) {
		if _, err := m.removeOrphan(x, id); err != nil { // the sweep tries again
			m.stats.removeErrors.Add(1)
		}
	}
}

// referenced reports whether anything uses the blob.
func (x *index) referenced(id blobID) (bool, error) {
	var low, high [24]byte
	it, err := x.db.NewIter(&pebble.IterOptions{
		LowerBound: appendBlobRefs(low[:0], id),
		UpperBound: after(appendBlobRefs(high[:0], id)),
	})
	if err != nil {
		return false, err
	}
	found := it.First()
	return found, errors.Join(it.Error(), it.Close())
}
