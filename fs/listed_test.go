package fs_test

import (
	"slices"
	"testing"

	"ais/fs"
	"ais/fs/faultfs"
	"ais/object"
)

// TestListedStamp: what decides whether a listing shows a name is told the stamp of what
// the listing has of it, not that of what has come since.
func TestListedStamp(t *testing.T) {
	a, _ := pair(t)
	owner := a.store.Load()
	a.alone.Store(true)
	n := name("k")
	put(t, owner, n, small)
	if err := owner.Begin(object.Upload{Name: n, ID: "u"}, object.Power); err != nil {
		t.Fatal(err)
	}
	first, err := owner.Estate(n)
	if err != nil {
		t.Fatal(err)
	}
	put(t, owner, n, []byte("second"))
	second, err := owner.Estate(n)
	if err != nil {
		t.Fatal(err)
	}

	var s *fs.Store
	var comes *fs.Estate // while the listing is made
	seen := map[string]fs.Stamp{}
	c := memConfig(faultfs.New())
	c.Copying = &fs.Copying{
		Enter: func(object.Name, bool) error { return nil },
		Sends: func(object.Name) bool { return false },
		Lists: func(n object.Name, then func() (fs.Stamp, error)) bool {
			if comes != nil {
				if err := s.Adopt(comes, a.fetch(comes.Name)); err != nil {
					t.Error(err)
				}
				comes = nil
			}
			p, err := then()
			if err != nil {
				t.Error(err)
			}
			seen[n.Key] = p
			return true
		},
	}
	s = open(t, c)
	put(t, s, name("unstamped"), small)
	for what, list := range map[string]func() (object.Page, error){
		"objects":  func() (object.Page, error) { return s.List(n.Bucket, object.Query{Limit: 10}) },
		"versions": func() (object.Page, error) { return s.List(n.Bucket, object.Query{Limit: 10, Versions: true}) },
		"uploads":  func() (object.Page, error) { return s.Uploads(n.Bucket, object.Query{Limit: 10}, "") },
		"a count": func() (object.Page, error) {
			_, _, err := s.CountListed(n.Bucket)
			return object.Page{}, err
		},
	} {
		if err := s.Release(n); err != nil {
			t.Fatal(err)
		}
		if err := s.Adopt(first, a.fetch(n)); err != nil {
			t.Fatal(err)
		}
		clear(seen)
		comes = second
		page, err := list()
		if err != nil {
			t.Fatal(err)
		}
		if seen["k"] != first.Stamp {
			t.Errorf("%s: the stamp of what is shown is %v, said to be %v", what, first.Stamp, seen["k"])
		}
		if p, listed := seen["unstamped"]; listed && p != (fs.Stamp{Seq: 1}) {
			t.Errorf("%s: a name without a stamp has %v", what, p)
		}
		i := slices.IndexFunc(page.Entries, func(e object.Entry) bool { return e.Key == "k" })
		if i >= 0 && what != "uploads" && page.Entries[i].Meta.Size != int64(len(small)) {
			t.Errorf("%s: shown with %d bytes", what, page.Entries[i].Meta.Size)
		}
		if now, err := s.Stamp(n); err != nil || now != second.Stamp || comes != nil {
			t.Fatalf("%s: the name has %v, %v", what, now, err)
		}
	}
}
