package move_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ais/cluster"
	"ais/fs"
	"ais/object"
)

// view is all that a client can see of a name.
type view struct {
	content string // "" is none
	note    string // in its metadata
	parts   int    // of the upload in progress, −1 without one
}

func (v view) String() string {
	return fmt.Sprintf("%d bytes %.12q, note %q, parts %d", len(v.content), v.content, v.note, v.parts)
}

var nothing = view{parts: -1}

// step is a change of a name, which may be repeated.
type step struct {
	what, key string
	do        func(s *fs.Store, n object.Name, d object.Durability) error
	after     func(view) view // what can be seen of the name then, if it was done to that
}

const uploadID = "upload"

func putStep(key, text string) step {
	return step{"put", key, func(s *fs.Store, n object.Name, d object.Durability) error {
		w, err := s.Create(n, fs.WriteOptions{Size: int64(len(text)), Durability: d, Checksum: object.XXHash})
		if err != nil {
			return err
		}
		defer w.Abort()
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		_, err = w.Commit(object.Meta{ETag: fmt.Sprint(len(text))}, fs.Terms{})
		return err
	}, func(v view) view { return view{text, "", v.parts} }}
}

func removeStep(key string) step {
	return step{"remove", key, func(s *fs.Store, n object.Name, d object.Durability) error {
		_, err := s.Remove(n, "", fs.Terms{}, d)
		if object.KindOf(err) == object.NotFound && err != nil {
			return errGone
		}
		return err
	}, func(v view) view { return view{"", "", v.parts} }}
}

// errGone says that a name is not there where it is asked for: who says so may not be
// who answers for it.
var errGone = object.E("test", "", object.NotFound, errors.New("it is gone"))

func noteStep(key, note string) step {
	return step{"note", key, func(s *fs.Store, n object.Name, d object.Durability) error {
		_, err := s.Update(n, "", d, nil, func(m *object.Meta) error {
			m.User = map[string]string{"note": note}
			return nil
		})
		return err
	}, func(v view) view { return view{v.content, note, v.parts} }}
}

func touchStep(key string) step {
	return step{"touch", key, func(s *fs.Store, n object.Name, d object.Durability) error { return s.Touch(n, d) },
		func(v view) view { return v }}
}

func beginStep(key string) step {
	return step{"begin", key, func(s *fs.Store, n object.Name, d object.Durability) error {
		err := s.Begin(object.Upload{ID: uploadID, Name: n}, d)
		if err != nil && object.KindOf(err) == object.Exists {
			return nil
		}
		return err
	}, func(v view) view { return view{v.content, v.note, max(v.parts, 0)} }}
}

func partStep(key string, number int, text string) step {
	return step{"part", key, func(s *fs.Store, n object.Name, d object.Durability) error {
		w, err := s.CreatePart(n, uploadID, number, fs.WriteOptions{Size: int64(len(text)), Durability: d, Checksum: object.XXHash})
		if err != nil {
			return err
		}
		defer w.Abort()
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
		_, err = w.CommitPart(object.Part{ETag: fmt.Sprint(number)})
		return err
	}, func(v view) view { return view{v.content, v.note, max(v.parts, number)} }}
}

// publishStep makes an object of the first parts, whose bytes are text.
func publishStep(key string, parts int, text string) step {
	return step{"publish", key, func(s *fs.Store, n object.Name, d object.Durability) error {
		var listed []object.Listed
		for i := range parts {
			listed = append(listed, object.Listed{Number: i + 1, ETag: fmt.Sprint(i + 1)})
		}
		finish := func([]object.Part, object.Upload) (object.Meta, error) { return object.Meta{ETag: "e"}, nil }
		_, err := s.Publish(n, uploadID, listed, 0, finish, fs.Terms{}, d)
		return err
	}, func(view) view { return view{text, "", -1} }}
}

// look returns what a target shows of a name.
func look(s *fs.Store, n object.Name) (v view, err error) {
	v = nothing
	r, err := s.Open(n, "")
	switch {
	case err == nil:
		defer r.Close()
		section, err := r.Range(0, r.Meta().Size)
		if err != nil {
			return v, err
		}
		text, err := io.ReadAll(section)
		if err != nil {
			return v, err
		}
		v.content, v.note = string(text), r.Meta().User["note"]
	case object.KindOf(err) != object.NotFound:
		return v, err
	}
	parts, _, err := s.Parts(n, uploadID, 0, 10)
	if err == nil {
		v.parts = len(parts)
	} else if kind := object.KindOf(err); kind == object.NoSuchUpload || kind == object.NotFound {
		err = nil
	}
	return v, err
}

// client does steps one after the other, and knows what is to be seen then.
type client struct {
	c    *nodes
	b    *cluster.Bucket
	want map[object.Name]view
	dead func(id string) bool // the node was cut: what it said nobody has heard
}

// patience bounds how long a change may take, whatever dies meanwhile.
const patience = 30 * time.Second

// do repeats a step until it is acknowledged. A try that failed has happened or not,
// and nothing else.
func (cl *client) do(st step) error {
	n := object.Name{Bucket: cl.b.ID, Key: st.key}
	before, known := cl.want[n]
	if !known {
		before = nothing
	}
	after := st.after(before)
	d := cl.c.durability
	for deadline := time.Now().Add(patience); ; {
		err := cl.at(n, func(s *fs.Store) error { return st.do(s, n, d) })
		if err == nil || err == errGone {
			break
		}
		if kind := object.KindOf(err); kind != object.Unavailable && kind != object.Busy || time.Now().After(deadline) {
			return fmt.Errorf("%s %s is refused: %w\n%s\n%s", st.what, st.key, err, cl.c.where(n), cl.c.trace.of(st.key))
		}
		got, err := cl.see(n, deadline)
		if err != nil {
			return fmt.Errorf("after %s of %s, which failed: %w\n%s\n%s", st.what, st.key, err, cl.c.where(n), cl.c.trace.of(st.key))
		}
		if got != before && got != after {
			return cl.wrong(n, st.what+" failed", got, after)
		}
		before = got // it may not go back to what it was
	}
	cl.want[n] = after
	return cl.everywhere(n, "after "+st.what)
}

func (cl *client) wrong(n object.Name, when string, got, want view) error {
	return fmt.Errorf("%s: %s is %v, want %v\n%s\n%s", when, n.Key, got, want, cl.c.where(n), cl.c.trace.of(n.Key))
}

// at does something at the target that answers for a name, once.
func (cl *client) at(n object.Name, do func(*fs.Store) error) error {
	state := cl.c.state()
	at, err := cl.c.owner(state, n)
	if err != nil {
		time.Sleep(time.Millisecond)
		return object.Unavailable
	}
	disk := at.now().disk
	err = at.serve(n, state.Revision, do)
	if disk.Hit() || cl.dead(at.id) {
		err = object.Unavailable
	}
	if err != nil && object.KindOf(err) == object.Unavailable {
		time.Sleep(time.Millisecond)
	}
	return err
}

// see returns what the target that answers for a name shows, when one does.
func (cl *client) see(n object.Name, deadline time.Time) (v view, err error) {
	for {
		err = cl.at(n, func(s *fs.Store) error {
			v, err = look(s, n)
			if err == nil && v == nothing {
				err = errGone // is it really the one to ask?
			}
			return err
		})
		if err == nil || err == errGone || time.Now().After(deadline) {
			if err == errGone {
				err = nil
			}
			return v, err
		}
	}
}

// everywhere checks that every target that answers reads of a name shows what is to be seen.
func (cl *client) everywhere(n object.Name, when string) error {
	want := cl.want[n]
	got, err := cl.see(n, time.Now().Add(patience))
	if err == nil && got != want {
		return cl.wrong(n, when, got, want)
	}
	if err != nil {
		return fmt.Errorf("%s: %w\n%s\n%s", when, err, cl.c.where(n), cl.c.trace.of(n.Key))
	}
	for _, id := range cl.c.ids() {
		at, asked := cl.c.node(id), cl.placed(n, id)
		err := at.serve(n, 0, func(s *fs.Store) error {
			got, err = look(s, n)
			return err
		})
		if err == nil && got == nothing && (!asked || !cl.placed(n, id)) {
			continue // nobody asks it, or it looks whether it is the one to be asked
		}
		if err == nil && got != want && !cl.dead(id) {
			return cl.wrong(n, when+", at "+id, got, want)
		}
	}
	return nil
}

// placed reports whether a target has a copy of the name.
func (cl *client) placed(n object.Name, id string) bool {
	state := cl.c.node(id).now().members.State()
	b, ok := state.BucketByID(n.Bucket)
	if !ok {
		return false
	}
	copies, err := state.Copies(b, n)
	return err == nil && copies.Index(id) >= 0
}

// whole checks that all is as it is to be, once every target is there again and
// nothing moves: what is seen, what is listed, and what the copies have.
func (cl *client) whole() error {
	if err := cl.listed(); err != nil {
		return err
	}
	held := map[string]string{}
	for n, v := range cl.want {
		if err := cl.everywhere(n, "at the end"); err != nil {
			return err
		}
		if v != nothing {
			held[n.Key] = "there"
		}
	}
	err := errors.New("not looked at")
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); {
		if err = cl.c.misplaced(cl.b, held); err == nil {
			err = cl.same()
		}
		if err != nil {
			time.Sleep(2 * time.Millisecond)
		}
	}
	return err
}

// listed checks what a list shows.
func (cl *client) listed() error {
	var want []string
	for n, v := range cl.want {
		if v.content != "" {
			want = append(want, n.Key)
		}
	}
	slices.Sort(want)
	got, err := cl.c.list(cl.b, "", 3)
	for deadline := time.Now().Add(patience); err != nil && time.Now().Before(deadline); {
		if kind := object.KindOf(err); kind != object.Busy && kind != object.Unavailable {
			break
		}
		got, err = cl.c.list(cl.b, "", 3)
	}
	if err != nil || !slices.Equal(got, want) {
		return fmt.Errorf("listed: %v, %w; want %v", got, err, want)
	}
	return nil
}

// same checks that the copies of every name are the same, with nothing in doubt.
func (cl *client) same() error {
	state := cl.c.state()
	b, _ := state.BucketByID(cl.b.ID)
	for _, id := range cl.c.ids() { // what one has missed is noted at some, and need not be any more
		for _, of := range cl.c.ids() {
			if err := cl.c.node(id).store.ForgetHandoffs(of, state.Map.Version+1); err != nil {
				return err
			}
		}
	}
	for _, n := range slices.SortedFunc(maps.Keys(cl.want), func(a, b object.Name) int { return strings.Compare(a.Key, b.Key) }) {
		copies, err := state.Copies(b, n)
		if err != nil {
			return err
		}
		first := ""
		for _, one := range copies {
			s := cl.c.node(one.Node.ID).running()
			if s == nil || s.Dirty(n) {
				return fmt.Errorf("%s is down or in doubt: %s", one.Node.ID, cl.c.where(n))
			}
			e, err := s.Estate(n)
			if err != nil {
				return err
			}
			if cl.want[n] == nothing && e.Removed() {
				continue // a copy may have forgotten that there was something
			}
			all := string(fs.EncodeEstate(e))
			if first == "" {
				first = all
			}
			if all != first {
				return fmt.Errorf("%s is another at %s: %s\n%s", n.Key, one.Node.ID, cl.c.where(n), cl.c.trace.of(n.Key))
			}
		}
	}
	return nil
}

func (c *nodes) ids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.all))
}
