package target

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"ais/api"
	"ais/cluster"
	"ais/cluster/peer"
	"ais/fs"
	"ais/object"
)

// keeps reports whether an object of a remote bucket may be kept here: its mountpath
// is not fuller than space.out_of_space.
func (t *Target) keeps(n object.Name) bool {
	u, err := t.store.Room(n)
	if err != nil || u.Capacity <= 0 {
		return true
	}
	return usedPercent(u) < float64(t.cluster.State().Config.Space.OutOfSpace)
}

func usedPercent(u fs.Usage) float64 {
	return float64(u.Capacity-u.Free) * 100 / float64(u.Capacity)
}

// spaceEvery is how often the room on the mountpaths is looked at.
const spaceEvery = 5 * time.Second

// watchSpace makes room whenever a mountpath is fuller than space.highwm, until ctx
// ends. Where there was nothing to evict it is tried again after lru.interval.
func (t *Target) watchSpace(ctx context.Context) {
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	var last *job
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c := t.cluster.State().Config
		if len(t.fuller(c.Space.HighWM)) == 0 || len(t.lruBuckets(0)) == 0 || !lruDue(last, t.cfg.Now(), c.LRU.Interval) {
			continue
		}
		request := peer.JobRequest{ID: "lru-" + rand.Text()[:8], Kind: api.JobLRU, Targets: []string{t.cfg.ID}}
		j := &job{JobRequest: request, started: t.cfg.Now(), byItself: true}
		if err := t.runJob(j, (*Target).lruJob); err != nil {
			t.cfg.Logger.Warn("cannot make room", "err", err)
			continue
		}
		last = j
	}
}

// lruRest is how much longer than it took a run waits for the next one.
const lruRest = 10

// lruDue reports whether it is time to make room again after the last run, nil for
// none: at once where that found something, but not all the time, since each run
// looks at all names.
func lruDue(last *job, now time.Time, interval time.Duration) bool {
	if last == nil {
		return true
	}
	ended := last.endedAt()
	if ended.IsZero() {
		return false
	}
	pause := interval
	if last.objects.Load() > 0 {
		pause = min(interval, lruRest*ended.Sub(last.started))
	}
	return now.Sub(ended) >= pause
}

// disk is one file system, and the mountpaths on it.
type disk struct {
	usage fs.Usage
	dirs  []string
}

// over returns by how many bytes the disk is fuller than percent.
func (d *disk) over(percent int) int64 {
	return d.usage.Capacity - d.usage.Free - d.usage.Capacity/100*int64(percent)
}

// fuller returns the disks that are fuller than percent.
func (t *Target) fuller(percent int) []disk {
	byDevice := map[uint64]int{}
	var disks []disk
	for _, m := range t.store.Mountpaths() {
		if !m.State.Serves() || m.Capacity <= 0 {
			continue
		}
		device, known := deviceOf(m.Dir)
		i, there := byDevice[device]
		if !known || !there {
			i = len(disks)
			disks = append(disks, disk{usage: fs.Usage{Capacity: m.Capacity, Free: m.Free}})
			if known {
				byDevice[device] = i
			}
		}
		disks[i].dirs = append(disks[i].dirs, m.Dir)
	}
	return slices.DeleteFunc(disks, func(d disk) bool { return d.over(percent) <= 0 })
}

// deviceOf returns the number of the file system that dir is on.
func deviceOf(dir string) (device uint64, ok bool) {
	info, err := os.Stat(dir)
	if err != nil {
		return 0, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return uint64(st.Dev), true //nolint:unconvert // it is signed on some systems
}

// lruBuckets returns the ids of the buckets that objects may be evicted from; only
// says which one alone, 0 for any.
func (t *Target) lruBuckets(only uint64) []uint64 {
	var ids []uint64
	for _, b := range t.cluster.State().Buckets() {
		if t.evictable(b) && (only == 0 || only == b.ID) {
			ids = append(ids, b.ID)
		}
	}
	return ids
}

// evictable reports whether objects of the bucket may be evicted to make room: the
// bucket says so, and has no versions, of which each is there for a reason.
func (t *Target) evictable(b *cluster.Bucket) bool {
	_, remote := b.Remote()
	return b.State == cluster.BucketActive && b.Props.LRU.Enabled && (remote || b.Versioning == object.Unversioned)
}

// lruJob evicts the objects that were not used for longest, until no disk is fuller
// than space.lowwm.
func (t *Target) lruJob(ctx context.Context, j *job) error {
	var errs error
	for _, d := range t.fuller(t.cluster.State().Config.Space.LowWM) {
		errs = errors.Join(errs, t.makeRoom(ctx, j, &d))
	}
	return errs
}

// lruBatch is how many objects of a mountpath are chosen at a time.
const lruBatch = 4096

// makeRoom evicts objects from the mountpaths of one disk, those first that were
// not used for longest, until it is no fuller than space.lowwm. What was used
// within lru.dont_evict_time stays.
func (t *Target) makeRoom(ctx context.Context, j *job, d *disk) error {
	c := t.cluster.State().Config
	before := t.cfg.Now().Add(-c.LRU.DontEvict)
	left := d.over(c.Space.LowWM)
	for left > 0 {
		batch, more, err := t.coldest(ctx, t.lruBuckets(j.Bucket), d.dirs, before)
		if err != nil {
			return err
		}
		freed := int64(0)
		for _, idle := range batch {
			if left <= 0 || ctx.Err() != nil {
				break
			}
			size := t.evictIdle(j, idle)
			freed, left = freed+size, left-size
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !more || freed == 0 {
			return nil
		}
	}
	return nil
}

// coldest returns objects of buckets on mountpaths that were not used since before, in order;
// more says that there are others after them.
func (t *Target) coldest(ctx context.Context, buckets []uint64, dirs []string, before time.Time) (batch []fs.Idle, more bool, err error) {
	only := func(bucket uint64, m *object.Meta) bool {
		b, ok := t.cluster.State().BucketByID(bucket)
		return ok && m.Accessed.Before(before) && t.mayEvict(b, m)
	}
	limit := time.Time{} // what is later may have something before it that was cut off
	for _, dir := range dirs {
		idle, err := t.store.Coldest(ctx, dir, buckets, lruBatch, only)
		if err != nil {
			return nil, false, err
		}
		if len(idle) == lruBatch {
			more = true
			if last := idle[lruBatch-1].Accessed; limit.IsZero() || last.Before(limit) {
				limit = last
			}
		}
		batch = append(batch, idle...)
	}
	slices.SortFunc(batch, func(a, b fs.Idle) int { return a.Accessed.Compare(b.Accessed) })
	if more {
		batch = slices.DeleteFunc(batch, func(i fs.Idle) bool { return i.Accessed.After(limit) })
	}
	return batch, more, nil
}

// mayEvict reports whether an object may be evicted to make room: the remote bucket
// has it, or there is none, and the bucket's owner wants it so.
func (t *Target) mayEvict(b *cluster.Bucket, m *object.Meta) bool {
	if _, remote := b.Remote(); remote && !fromRemote(m) {
		return false
	}
	return t.evictable(b) && !m.DeleteMarker && m.VersionID == ""
}

// evictIdle evicts an object if it was not used meanwhile, and returns how many
// bytes that frees.
func (t *Target) evictIdle(j *job, idle fs.Idle) int64 {
	b, ok := t.cluster.State().BucketByID(idle.Name.Bucket)
	if !ok {
		return 0
	}
	gone, err := t.drop(idle.Name, func(now *object.Meta) error {
		if now.Accessed.After(idle.Accessed) || now.Size != idle.Size || !t.mayEvict(b, now) {
			return object.Precondition
		}
		return nil
	})
	if err == nil {
		t.metrics.lru.Inc()
		t.metrics.lruBytes.Add(float64(gone.Size))
	} else if kind := object.KindOf(err); kind == object.Precondition || kind == object.NotFound {
		return 0
	}
	_ = j.did(gone.Size, err == nil, err) // one that cannot be evicted keeps no other from it
	return gone.Size
}
