package target

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"ais/fs"
	"ais/object"
	"ais/s3api"
)

// errVersions is why versions cannot be removed.
var errVersions = s3api.NotImplemented.Say("The versions of objects in a remote bucket are the remote's. Remove them there.")

// delete is Delete. The remote keeps its versions and delete markers to itself.
func (w *through) delete(n object.Name, version string, cond object.Cond) error {
	return w.deleteMany([]fs.Removal{{Name: n, Version: version, Cond: cond}})[0]
}

// deleteMany is DeleteMany: what is kept here goes first, then what the remote has,
// and then what only this target had.
func (w *through) deleteMany(list []fs.Removal) []error {
	errs := make([]error, len(list))
	for i, r := range list {
		if r.Version != "" {
			errs[i] = object.E("target.Delete", r.Name.Key, object.Unsupported, errVersions)
		}
	}
	defer w.takeAll(list)()
	w.checkAll(list, errs)
	own := w.forgetMany(list, errs)
	w.deleteThere(list, errs)
	w.deleteOwn(own, list, errs)
	w.tellRemoved(list, errs)
	return errs
}

// tellRemoved tells the owners by now of the names that were removed.
func (w *through) tellRemoved(list []fs.Removal, errs []error) {
	var names []object.Name
	var at []int
	for i := range list {
		if errs[i] == nil {
			names, at = append(names, list[i].Name), append(at, i)
		}
	}
	for j, err := range w.tellOwners(names) {
		errs[at[j]] = err
	}
}

// takeAll waits for the turns of all names, in an order that all follow, so that
// nobody waits for one who waits for him.
func (w *through) takeAll(list []fs.Removal) (end func()) {
	names := make([]object.Name, len(list))
	for i := range list {
		names[i] = list[i].Name
	}
	slices.SortFunc(names, func(a, b object.Name) int { return strings.Compare(a.Key, b.Key) })
	names = slices.Compact(names)
	ends := make([]func(), len(names))
	for i, n := range names {
		ends[i] = w.names.write(n)
	}
	return func() {
		for _, end := range ends {
			end()
		}
	}
}

// checksAtOnce bounds the questions that one multi-delete asks the remote together.
const checksAtOnce = 16

// checkAll decides by the conditions.
func (w *through) checkAll(list []fs.Removal, errs []error) {
	var wg sync.WaitGroup
	defer wg.Wait()
	room := make(chan struct{}, checksAtOnce)
	for i, r := range list {
		if errs[i] != nil || !r.Cond.Any() {
			continue
		}
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			_, errs[i] = w.check(r.Name, r.Cond.CheckDelete)
		})
	}
}

// forgetMany removes what is kept here of the remote's objects, but for those with
// an error, and returns the indices of those that are here only.
func (w *through) forgetMany(list []fs.Removal, errs []error) (own []int) {
	for i, err := range w.remove(list, errs, fs.Terms{If: notOwn, Versioning: object.Unversioned}) {
		if errors.Is(err, errOwn) {
			own = append(own, i)
		} else if errs[i] == nil {
			errs[i] = err
		}
	}
	return own
}

// remove removes here what has no error, and says of each what came of it.
func (w *through) remove(list []fs.Removal, errs []error, terms fs.Terms) []error {
	var do []fs.Removal
	var at []int
	for i, r := range list {
		if errs[i] == nil {
			do, at = append(do, fs.Removal{Name: r.Name}), append(at, i)
		}
	}
	out := make([]error, len(list))
	var came []error
	_, err := w.commit(w.bucket, func(object.Versioning) (object.Meta, error) {
		_, came = w.store.RemoveMany(do, terms, object.Power)
		return object.Meta{}, nil
	})
	for j, i := range at {
		switch {
		case err != nil:
			out[i] = err
		case !absent(came[j]):
			out[i] = came[j]
		}
	}
	return out
}

// deleteThere removes from the remote what has no error.
func (w *through) deleteThere(list []fs.Removal, errs []error) {
	var keys []string
	var at []int
	for i, r := range list {
		if errs[i] == nil {
			keys, at = append(keys, r.Name.Key), append(at, i)
		}
	}
	if len(keys) == 0 {
		return
	}
	for j, err := range w.remote.Delete(context.Background(), keys) {
		errs[at[j]] = err
	}
}

// deleteOwn removes the objects that are here only, where the remote has none of
// that name any more.
func (w *through) deleteOwn(own []int, list []fs.Removal, errs []error) {
	for _, i := range own {
		if errs[i] != nil {
			continue
		}
		_, err := w.store.Remove(list[i].Name, "", fs.Terms{Versioning: object.Unversioned}, w.bucket.Props.Durability)
		if !absent(err) {
			errs[i] = err
		}
	}
}
