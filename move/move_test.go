package move_test

import (
	"fmt"
	"testing"

	"ais/object"
)

// TestGrow moves a bucket from two targets to four: what has to move, and nothing else.
func TestGrow(t *testing.T) {
	c := startNodes(t, "t1", "t2")
	b := c.bucket("grow", 1)
	want := map[string]string{}
	for i := range 60 {
		key := fmt.Sprintf("k%03d", i)
		want[key] = content(key, 1, i*200)
		if i == 30 {
			want[key] = content(key, 1, 3<<20)
		}
		if err := c.put(object.Name{Bucket: b.ID, Key: key}, want[key]); err != nil {
			t.Fatal(err)
		}
	}
	c.join("t3")
	c.join("t4")
	c.rebalance()
	c.settled()
	c.wantOnlyThere(b, want)
	now, _ := c.state().BucketByID(b.ID)
	if now.Number < 1 || now.Moving() || now.Generation != c.state().Map.Toward {
		t.Errorf("the bucket is placed by %+v", now)
	}
}
