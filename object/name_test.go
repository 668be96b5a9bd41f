package object

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestCheckKey(t *testing.T) {
	tests := []struct {
		key  string
		want error
	}{
		{"a", nil},
		{"/a//b/../c/", nil},
		{"\x00\x01", nil},
		{"é€😀", nil},
		{strings.Repeat("k", MaxKeyLength), nil},
		{strings.Repeat("k", MaxKeyLength+1), KeyTooLong},
		{"", Invalid},
		{"\xff", Invalid},
		{"a\xe2\x82", Invalid},
	}
	for _, tt := range tests {
		if err := CheckKey(tt.key); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%.20q: %v, want %v", tt.key, err, tt.want)
		}
	}
}

func TestCheckBucketName(t *testing.T) {
	good := []string{"abc", "a-b", "my.bucket.1", "123", "a1b", strings.Repeat("a", 63), "1.2.3"}
	bad := []string{"", "ab", strings.Repeat("a", 64), "Abc", "a_b", "-abc", "abc-", ".abc", "abc.", "a..b", "192.168.5.4",
		"xn--abc", "sthree-x", "abc-s3alias", "abc--ol-s3", "a b", "a/b", "bücket", "metrics", "health"}
	for _, n := range good {
		if err := CheckBucketName(n); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	for _, n := range bad {
		if err := CheckBucketName(n); !errors.Is(err, Invalid) {
			t.Errorf("%s: %v", n, err)
		}
	}
}

func TestDigest(t *testing.T) {
	seen := map[uint64]Name{}
	for bucket := range uint64(20) {
		for i := range 500 {
			n := Name{bucket, fmt.Sprintf("key-%d", i)}
			if other, ok := seen[n.Digest()]; ok {
				t.Fatalf("%v and %v have the same digest", n, other)
			}
			seen[n.Digest()] = n
		}
	}
	long := Name{1, strings.Repeat("k", MaxKeyLength)}
	if long.Digest() == (Name{1, long.Key + "k"}).Digest() || long.Digest() == (Name{2, long.Key}).Digest() {
		t.Error("a long key's digest misses its end or the bucket")
	}
	if a := testing.AllocsPerRun(100, func() { long.Digest() }); a != 0 {
		t.Errorf("%v allocations", a)
	}
}

func TestParseProvider(t *testing.T) {
	for s, want := range map[string]Provider{"": AIS, "ais": AIS, "AIS": AIS, "aws": AWS, "s3": AWS} {
		if got, err := ParseProvider(s); err != nil || got != want {
			t.Errorf("%q: %v %v", s, got, err)
		}
	}
	if _, err := ParseProvider("ftp"); !errors.Is(err, Invalid) {
		t.Errorf("ftp: %v", err)
	}
}

func TestErrors(t *testing.T) {
	for k := range kinds {
		if got := KindFromText(k.Error()); got != k {
			t.Errorf("%d comes back as %d", k, got)
		}
		err := fmt.Errorf("while: %w", E("op", "name", k, errors.New("cause")))
		if KindOf(err) != k || !errors.Is(err, k) {
			t.Errorf("%v is not found behind a wrap", k)
		}
	}
	if KindOf(errors.New("x")) != Internal || KindFromText("x") != Internal || Kind(200).Error() != Internal.Error() {
		t.Error("what is not known is Internal")
	}
	if got := E("fs.Open", "k", NotFound, nil).Error(); got != "fs.Open k: no such object" {
		t.Error(got)
	}
}
