package auth

import (
	"errors"
	"reflect"
	"testing"
)

func TestCanned(t *testing.T) {
	for _, test := range []struct {
		name        string
		bucketOwner string
		want        ACL
	}{
		{"private", "", nil},
		{"private", "b", nil},
		{"public-read", "", ACL{{AllUsers, Read}, {"o", FullControl}}},
		{"public-read-write", "b", ACL{{AllUsers, Read}, {AllUsers, Write}, {"o", FullControl}}},
		{"authenticated-read", "", ACL{{AuthenticatedUsers, Read}, {"o", FullControl}}},
		{"log-delivery-write", "", ACL{{LogDelivery, Write}, {LogDelivery, ReadACP}, {"o", FullControl}}},
		{"bucket-owner-read", "b", ACL{{"o", FullControl}, {"b", Read}}},
		{"bucket-owner-full-control", "b", ACL{{"o", FullControl}, {"b", FullControl}}},
		{"bucket-owner-read", "o", nil},
		{"bucket-owner-full-control", "o", nil},
		{"bucket-owner-full-control", "", nil},
	} {
		got, err := Canned(test.name, "o", test.bucketOwner)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s of %q: %v, %v", test.name, test.bucketOwner, got, err)
		}
	}
	for _, name := range []string{"", "Private", "public", "public-read "} {
		if _, err := Canned(name, "o", ""); !errors.Is(err, ErrCanned) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestACLText(t *testing.T) {
	all, _ := Canned("public-read-write", "AK/with blanks", "")
	for _, a := range []ACL{nil, {}, all, {{"x", FullControl}}, {{"x", Read}, {"x", Read}}} {
		got, err := DecodeACL(a.Encode())
		if err != nil || !reflect.DeepEqual(got, a) || (got == nil) != (a == nil) {
			t.Errorf("%v is read as %v, %v", a, got, err)
		}
	}
	if ACL(nil).Encode() != "" {
		t.Error("the default ACL takes room")
	}
	for _, text := range []string{"x", "READ", "READ ", "read x", "READ x\n", "\nREAD x", "-\n", "READ x\nNOTHING y"} {
		if a, err := DecodeACL(text); err == nil {
			t.Errorf("%q is read as %v", text, a)
		}
	}
}

func TestACLAllows(t *testing.T) {
	permissions := []Permission{Read, Write, ReadACP, WriteACP, FullControl}
	for _, test := range []struct {
		name string
		acl  ACL
		who  *Identity
		want string // R W r w F
	}{
		{"default, owner", nil, owner, "RWrwF"},
		{"default, other", nil, other, ""},
		{"default, anonymous", nil, anonymous, ""},
		{"nothing, owner", ACL{}, owner, "rw"},
		{"nothing, other", ACL{}, other, ""},
		{"owner's WRITE only", ACL{{owner.ID, Write}}, owner, "Wrw"},
		{"READ", ACL{{other.ID, Read}}, other, "R"},
		{"READ of another", ACL{{other.ID, Read}}, third, ""},
		{"two", ACL{{other.ID, ReadACP}, {other.ID, Write}}, other, "Wr"},
		{"FULL_CONTROL", ACL{{other.ID, FullControl}}, other, "RWrwF"},
		{"everybody, user", ACL{{AllUsers, Read}}, other, "R"},
		{"everybody, anonymous", ACL{{AllUsers, Read}}, anonymous, "R"},
		{"users, user", ACL{{AuthenticatedUsers, WriteACP}}, other, "w"},
		{"users, anonymous", ACL{{AuthenticatedUsers, Read}}, anonymous, ""},
		{"log delivery", ACL{{LogDelivery, Write}}, other, ""},
		{"nobody, anonymous", ACL{{"", FullControl}}, anonymous, ""},
	} {
		got := ""
		for i, p := range permissions {
			if test.acl.Allows(test.who, p, owner.ID) {
				got += string("RWrwF"[i])
			}
		}
		if got != test.want {
			t.Errorf("%s: %q, not %q", test.name, got, test.want)
		}
	}
	if (ACL)(nil).Allows(anonymous, Read, "") {
		t.Error("nobody is not the owner of what nobody owns")
	}
}

func TestACLShown(t *testing.T) {
	for _, test := range []struct{ acl, want ACL }{
		{nil, ACL{{"o", FullControl}}},
		{ACL{}, ACL{}},
		{ACL{{"o", FullControl}, {"x", Read}, {AllUsers, Read}, {"a", Write}, {LogDelivery, Write}},
			ACL{{AllUsers, Read}, {LogDelivery, Write}, {"o", FullControl}, {"x", Read}, {"a", Write}}},
	} {
		if got := test.acl.Grants("o"); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%v is shown as %v", test.acl, got)
		}
	}
	for name, want := range map[string]bool{"private": false, "public-read": true, "authenticated-read": true, "log-delivery-write": false, "bucket-owner-read": false} {
		if a, _ := Canned(name, "o", "b"); a.Public() != want {
			t.Errorf("%s: %v", name, !want)
		}
	}
}

func FuzzDecodeACL(f *testing.F) {
	f.Add("READ x\nFULL_CONTROL y z")
	f.Add("-")
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := DecodeACL(text); err == nil && a.Encode() != text {
			t.Fatalf("%q comes back as %q", text, a.Encode())
		}
	})
}
