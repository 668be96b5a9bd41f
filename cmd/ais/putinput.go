package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/sync/errgroup"

	"ais/api"
	"ais/object"
)

// Of the standard input, parts are kept in memory while they are sent, a few at a
// time: they are smaller than those of a file, and grow with their numbers, so that
// an object may have any size.
const (
	inputWorkers = 4
	inputGrowth  = 2000 // parts after which the next ones are twice as large
)

// inputPartSize returns the size in bytes of part number, which is 1 or more, where
// the first has first.
func inputPartSize(first int64, number int) int64 {
	return first << ((number - 1) / inputGrowth)
}

// putInput puts the standard input: as it is where it is short, else in parts, for
// its length is not known before its end.
func (a *app) putInput(ctx context.Context, b api.Bucket, key string, o putOptions) error {
	if key == "" || strings.HasSuffix(key, "/") {
		return usagef("the standard input has no name; write %s/NAME", b)
	}
	if o.dryRun {
		return a.done(map[string]any{"would-put": b.String() + "/" + key}, "would put (standard input) => %s/%s", b, key)
	}
	o.workers = min(o.workers, inputWorkers)
	u, err := a.uploader(ctx, b, o)
	if err != nil {
		return err
	}
	p := a.progress("PUT -", 0)
	in := input{uploader: u, key: key, progress: p}
	err = in.send(ctx)
	p.close()
	if err != nil {
		return err
	}
	return a.done(map[string]any{"put": b.String() + "/" + key, "size": in.size}, "PUT (standard input) => %s/%s", b, key)
}

// input is the standard input on its way.
type input struct {
	*uploader
	key      string
	progress *progress
	size     int64 // bytes that were read
}

func (in *input) send(ctx context.Context) error {
	first, last, err := in.read(ctx, 1)
	if err != nil {
		return err
	}
	if last {
		o := api.PutOptions{Announced: object.Sum(in.verify, first)}
		content := &counted{ReadSeeker: bytes.NewReader(first), p: in.progress}
		_, err := in.client.PutObject(ctx, in.bucket, in.key, content, int64(len(first)), o)
		return err
	}
	id, err := in.client.CreateUpload(ctx, in.bucket, in.key)
	if err != nil {
		return err
	}
	parts, err := in.sendParts(ctx, id, first)
	if err == nil {
		_, err = in.client.CompleteUpload(ctx, in.bucket, in.key, id, parts)
	}
	if err != nil { // what went by cannot be read again
		ctx, cancel := context.WithTimeout(context.Background(), abortTimeout)
		defer cancel()
		if aerr := in.client.AbortUpload(ctx, in.bucket, in.key, id); aerr != nil && !errors.Is(aerr, object.NoSuchUpload) {
			return &hintedError{err, "The parts that were sent are still in the cluster: " + aerr.Error() + "."}
		}
	}
	return err
}

// sendParts sends the first part and all that follow, as many at a time as there
// are slots: so many parts, and one that is being read, are in memory.
func (in *input) sendParts(ctx context.Context, id string, data []byte) ([]api.CompletedPart, error) {
	group, sending := errgroup.WithContext(ctx)
	var parts []api.CompletedPart
	last := false
	for number := 1; len(data) > 0; number++ {
		if number > object.MaxParts {
			_ = group.Wait() // the first error is the one to tell
			return nil, errors.New("the input is too long for one object")
		}
		if err := in.turn(sending); err != nil {
			break
		}
		parts = append(parts, api.CompletedPart{Number: number})
		content := data
		group.Go(func() error {
			defer in.done()
			o := api.PutOptions{Announced: object.Sum(in.verify, content)}
			counted := &counted{ReadSeeker: bytes.NewReader(content), p: in.progress}
			_, err := in.client.PutPart(sending, in.bucket, in.key, id, number, counted, int64(len(content)), o)
			return err
		})
		if last {
			break
		}
		var err error
		if data, last, err = in.read(sending, number+1); err != nil {
			if failed := group.Wait(); failed != nil { // and ended the reading
				err = failed
			}
			return nil, err
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return parts, ctx.Err()
}

// read returns the bytes of a part, all that there are where last. It does not wait
// for input after the end of ctx: that reading ends with the process.
func (in *input) read(ctx context.Context, number int) (data []byte, last bool, err error) {
	type result struct {
		data []byte
		err  error
	}
	read := make(chan result, 1)
	go func() {
		var b bytes.Buffer
		_, err := io.CopyN(&b, in.app.in, inputPartSize(in.app.sizes.input, number))
		read <- result{b.Bytes(), err}
	}()
	select {
	case <-ctx.Done():
		return nil, false, ctx.Err()
	case r := <-read:
		in.size += int64(len(r.data))
		if r.err == io.EOF {
			return r.data, true, nil
		}
		return r.data, false, r.err
	}
}
