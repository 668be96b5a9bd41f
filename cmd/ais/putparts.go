package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"ais/api"
	"ais/object"
)

// putLarge puts a file in parts, going on with an upload that was interrupted.
func (u *uploader) putLarge(ctx context.Context, f *os.File, info os.FileInfo, key string, p *progress) error {
	k := u.app.keepUpload(u.bucket, key, f, info)
	defer k.close()
	l := largeFile{uploader: u, file: f, key: key, kept: k, progress: p}
	if err := l.begin(ctx, info); err != nil {
		return err
	}
	err := l.sendParts(ctx, info.Size())
	if err == nil {
		err = l.unchanged(info)
	}
	if err != nil {
		return l.stopped(err)
	}
	if _, err = u.client.CompleteUpload(ctx, u.bucket, key, k.Upload, l.completed()); err != nil {
		return l.stopped(err)
	}
	k.remove()
	return nil
}

// largeFile is one file on its way in parts.
type largeFile struct {
	*uploader
	file     *os.File
	key      string
	kept     *keptUpload
	progress *progress
	there    []api.UploadPart // of an earlier command

	mu    sync.Mutex
	parts []api.UploadPart // that are there and right
}

// begin finds the upload to go on with, or begins one. One of another state of the
// file is aborted.
func (l *largeFile) begin(ctx context.Context, info os.FileInfo) error {
	k := l.kept
	if k.Upload != "" {
		status, err := l.client.ListParts(ctx, l.bucket, l.key, k.Upload)
		switch {
		case errors.Is(err, object.NoSuchUpload), errors.Is(err, object.Denied): // completed or aborted, or not to be seen
		case err != nil:
			return err
		case k.isOf(info) && !l.restart && !l.forget && k.PartSize > 0:
			l.there = status.Parts
			return nil
		default:
			if err := l.abort(ctx); err != nil && !errors.Is(err, object.NoSuchUpload) {
				return err
			}
		}
	}
	id, err := l.client.CreateUpload(ctx, l.bucket, l.key)
	if err != nil {
		return err
	}
	k.Upload, k.Size, k.Modified = id, info.Size(), info.ModTime()
	k.PartSize = partSizeFor(info.Size(), int64(l.partSize), l.app.sizes.part)
	if !l.forget {
		k.save()
	}
	return nil
}

// partSizeFor returns the size of the parts, in bytes, of which size bytes need no
// more than an object may have; where it is not the one wanted, it is so many units.
func partSizeFor(size, wanted, unit int64) int64 {
	least := (size + object.MaxParts - 1) / object.MaxParts
	return max(wanted, (least+unit-1)/unit*unit)
}

// sendParts sends the parts that are not there. Those that are have to be what the
// file has.
func (l *largeFile) sendParts(ctx context.Context, size int64) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(l.workers)
	for offset := int64(0); offset < size; offset += l.kept.PartSize {
		number := int(offset/l.kept.PartSize) + 1
		length := min(l.kept.PartSize, size-offset)
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error { return l.sendPart(ctx, number, offset, length) })
	}
	return group.Wait()
}

func (l *largeFile) sendPart(ctx context.Context, number int, offset, length int64) error {
	if err := l.turn(ctx); err != nil {
		return err
	}
	defer l.done()
	if part, ok := l.has(number, offset, length); ok {
		l.progress.keep(length)
		l.add(part)
		return nil
	}
	const tries = 3 // of a part that arrives damaged
	var part api.UploadPart
	var err error
	for range tries {
		content := &counted{ReadSeeker: io.NewSectionReader(l.file, offset, length), p: l.progress}
		part, err = l.client.PutPart(ctx, l.bucket, l.key, l.kept.Upload, number, content, length, api.PutOptions{Verify: l.verify})
		if !errors.Is(err, object.BadDigest) {
			break
		}
		l.progress.add(-content.n)
	}
	if err != nil {
		return err
	}
	l.add(part)
	return nil
}

func (l *largeFile) add(part api.UploadPart) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts = append(l.parts, part)
}

// has returns the part that an earlier command has sent, if it is what the file has
// there.
func (l *largeFile) has(number int, offset, length int64) (api.UploadPart, bool) {
	i := slices.IndexFunc(l.there, func(p api.UploadPart) bool { return p.Number == number })
	if i < 0 || l.there[i].Size != length {
		return api.UploadPart{}, false
	}
	algorithm, err := object.ParseAlgorithm(l.there[i].ChecksumType)
	digest := algorithm.New()
	if err != nil || digest == nil {
		return api.UploadPart{}, false // nothing to compare with
	}
	buffer := make([]byte, copyBuffer)
	if _, err := io.CopyBuffer(struct{ io.Writer }{digest}, io.NewSectionReader(l.file, offset, length), buffer); err != nil {
		return api.UploadPart{}, false // sending it meets the same error
	}
	return l.there[i], fmt.Sprintf("%x", digest.Sum(nil)) == l.there[i].Checksum
}

func (l *largeFile) completed() []api.CompletedPart {
	parts := make([]api.CompletedPart, len(l.parts))
	for i, p := range l.parts {
		parts[i] = api.CompletedPart{Number: p.Number, ETag: p.ETag}
	}
	slices.SortFunc(parts, func(a, b api.CompletedPart) int { return a.Number - b.Number })
	return parts
}

// errFileChanged ends the upload of a file that was written meanwhile.
var errFileChanged = errors.New("the file was changed while it was put")

// unchanged fails where the file is not what it was when it was begun with.
func (l *largeFile) unchanged(before os.FileInfo) error {
	now, err := l.file.Stat()
	if err == nil && (now.Size() != before.Size() || !now.ModTime().Equal(before.ModTime())) {
		err = errFileChanged
	}
	return err
}

// abortTimeout is for giving up an upload when the command itself is interrupted.
const abortTimeout = 5 * time.Second

func (l *largeFile) abort(ctx context.Context) error {
	err := l.client.AbortUpload(ctx, l.bucket, l.key, l.kept.Upload)
	l.kept.remove()
	return err
}

// stopped returns the error of an upload that did not get to its end, which says
// how to go on; an upload that cannot be gone on with is aborted.
func (l *largeFile) stopped(err error) error {
	changed := errors.Is(err, errFileChanged)
	if !l.kept.kept() || l.forget || changed || errors.Is(err, object.NoSuchUpload) {
		ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
		defer cancel()
		if aerr := l.abort(ctx); aerr != nil && !errors.Is(aerr, object.NoSuchUpload) {
			return &hintedError{err, "The parts that were sent are still in the cluster: " + aerr.Error() + "."}
		}
		return err
	}
	all := (l.kept.Size + l.kept.PartSize - 1) / l.kept.PartSize
	return &hintedError{err, fmt.Sprintf("%d of %d parts are in the cluster, and nothing under %s/%s; the same command goes on with them.",
		max(len(l.parts), len(l.there)), all, l.bucket, l.key)}
}
