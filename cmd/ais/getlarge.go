package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"ais/api"
	"ais/object"
)

// getLarge gets an object in ranges, going on with what an earlier command has got,
// and returns its size in bytes. Where the object is replaced meanwhile, it begins
// anew, once.
func (d *downloader) getLarge(ctx context.Context, l *place, info api.ObjectInfo, p *progress) (int64, error) {
	err := d.getVersion(ctx, l, info, p)
	if !errors.Is(err, object.Precondition) {
		return info.Size, err
	}
	if info, err = d.client.HeadObject(ctx, d.bucket, info.Name); err != nil {
		return 0, err
	}
	return info.Size, d.getVersion(ctx, l, info, p)
}

// syncEvery is how often what came is brought to stable storage, to go on with.
const syncEvery = 5 * time.Second

// getVersion gets one version of an object.
func (d *downloader) getVersion(ctx context.Context, l *place, info api.ObjectInfo, p *progress) error {
	k, err := openPartial(l, info, int64(d.partSize), d.restart || d.forget)
	if err != nil {
		return err
	}
	defer k.file.Close()
	if err := reserve(k.file, info.Size); err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = &hintedError{err, fmt.Sprintf("The local disk has no room for %s; nothing is left of it.", formatSize(info.Size))}
		}
		k.remove()
		return err
	}
	t := rangesTransfer{downloader: d, partial: k, info: info, progress: p, came: make(chan struct{}, 1)}
	err = t.run(ctx)
	switch {
	case err == nil:
		return k.publish()
	case d.forget, errors.Is(err, object.Precondition), errors.Is(err, object.BadDigest), errors.Is(err, object.NotFound):
		p.add(-t.size())
		k.remove()
		return err
	}
	return k.stopped(err)
}

// rangesTransfer is one version of an object on its way in ranges.
type rangesTransfer struct {
	*downloader
	*partial
	info     api.ObjectInfo
	progress *progress
	came     chan struct{} // has something when a part came
}

// run gets what is missing, and compares the whole with the object's checksum: it
// is read back in order, part by part as they come.
func (t *rangesTransfer) run(ctx context.Context) error {
	t.progress.keep(t.size())
	group, ctx := errgroup.WithContext(ctx)
	fetched := make(chan struct{})
	group.Go(func() error { return t.syncWhile(ctx, fetched) })
	group.Go(func() error { return t.verify(ctx) })
	group.Go(func() error {
		defer close(fetched)
		return t.fetchAll(ctx)
	})
	return group.Wait()
}

func (t *rangesTransfer) fetchAll(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(t.workers)
	for part := range t.parts() {
		if ctx.Err() != nil {
			break
		}
		if t.has(part) {
			continue
		}
		group.Go(func() error { return t.fetch(ctx, part) })
	}
	return group.Wait()
}

// fetch gets one part and writes it to its place in the file.
func (t *rangesTransfer) fetch(ctx context.Context, part int) error {
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	offset, length := t.bounds(part)
	r, err := t.client.ReadObject(ctx, t.bucket, t.info.Name, api.GetOptions{Offset: offset, Length: length, IfMatch: t.info.ETag})
	if err != nil {
		return err
	}
	defer r.Close()
	if r.Size != length {
		return object.E("get", t.state.Object, object.Incomplete, fmt.Errorf("%d bytes came instead of %d", r.Size, length))
	}
	if err := copyTo(io.NewOffsetWriter(t.file, offset), r, t.progress); err != nil {
		return err
	}
	t.add(part)
	select {
	case t.came <- struct{}{}:
	default:
	}
	return nil
}

// syncWhile notes what came, now and then until fetched is closed. Its errors say
// that the disk is not well.
func (t *rangesTransfer) syncWhile(ctx context.Context, fetched <-chan struct{}) error {
	if t.forget {
		return nil
	}
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-fetched:
			return nil
		case <-tick.C:
			if err := t.sync(); err != nil {
				return err
			}
		}
	}
}

// verify reads back the parts in order as they come, and compares their digest with
// the object's checksum. An object without one of a known type is not verified.
func (t *rangesTransfer) verify(ctx context.Context) error {
	algorithm, err := object.ParseAlgorithm(t.info.ChecksumType)
	digest := algorithm.New()
	if err != nil || digest == nil || t.info.Checksum == "" {
		return nil
	}
	for part := 0; part < t.parts(); {
		if t.has(part) {
			if err := t.digest(digest, part); err != nil {
				return err
			}
			part++
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.came:
		}
	}
	if got := hex.EncodeToString(digest.Sum(nil)); got != t.info.Checksum {
		return object.E("get", t.state.Object, object.BadDigest, fmt.Errorf("the content has another %s than the server's %s", algorithm, t.info.Checksum))
	}
	return nil
}

func (t *rangesTransfer) digest(to hash.Hash, part int) error {
	offset, length := t.bounds(part)
	n, err := io.CopyBuffer(struct{ io.Writer }{to}, io.NewSectionReader(t.file, offset, length), make([]byte, copyBuffer))
	if err == nil && n != length {
		err = errors.New("the partial file became shorter")
	}
	return err
}
