package object

import (
	"fmt"
	"math"
	"testing"
)

// owner returns the index of the candidate with the highest score.
func owner(n Name, ids []string, weights []float64) int {
	best, top := -1, math.Inf(-1)
	for i, id := range ids {
		if s := Score(n.Digest(), HashString(id), weights[i]); s > top {
			best, top = i, s
		}
	}
	return best
}

func candidates(n int) (ids []string, weights []float64) {
	for i := range n {
		ids, weights = append(ids, fmt.Sprintf("target-%d", i)), append(weights, 1)
	}
	return ids, weights
}

func TestScoreMovesOnlyToTheNewcomer(t *testing.T) {
	const names = 20_000
	for _, n := range []int{1, 3, 9} {
		ids, weights := candidates(n + 1)
		moved := 0
		for i := range names {
			name := Name{7, fmt.Sprint("key/", i)}
			was, is := owner(name, ids[:n], weights[:n]), owner(name, ids, weights)
			if was != is {
				moved++
				if is != n {
					t.Fatalf("%v moved from %d to %d, neither the new one", name, was, is)
				}
			}
		}
		want := names / float64(n+1)
		if math.Abs(float64(moved)-want) > 5*math.Sqrt(want) {
			t.Errorf("%d of %d names moved to the one that joined %d, expected about %.0f", moved, names, n, want)
		}
	}
}

func TestScoreFollowsWeights(t *testing.T) {
	const names = 30_000
	ids, weights := candidates(4)
	weights[1], weights[3] = 2, 3
	count := make([]float64, 4)
	for i := range names {
		count[owner(Name{1, fmt.Sprint(i)}, ids, weights)]++
	}
	for i, c := range count {
		want := names * weights[i] / 7
		if math.Abs(c-want) > 5*math.Sqrt(want) {
			t.Errorf("weight %v has %v names, expected about %.0f", weights[i], c, want)
		}
	}
}

func TestScoreIsFinite(t *testing.T) {
	for _, x := range []uint64{0, 1, math.MaxUint64, 1 << 63, 0x9e3779b97f4a7c15} {
		for _, c := range []uint64{0, 1, math.MaxUint64} {
			if s := Score(x, c, 1); math.IsNaN(s) || math.IsInf(s, 0) || s <= 0 {
				t.Errorf("Score(%x, %x) = %v", x, c, s)
			}
		}
	}
}

func TestMetaClone(t *testing.T) {
	m := Meta{User: map[string]string{"a": "1"}, Sums: []Checksum{{Algorithm: MD5}}, Parts: []Part{{Number: 1}}}
	c := m.Clone()
	c.User["a"], c.Sums[0].Algorithm, c.Parts[0].Number = "2", SHA1, 2
	if m.User["a"] != "1" || m.Sums[0].Algorithm != MD5 || m.Parts[0].Number != 1 {
		t.Error("the clone shares something")
	}
	if c := (Meta{}).Clone(); c.User != nil {
		t.Error("a clone of nothing has something")
	}
	if Power.String() != "power" || Process.String() != "process" {
		t.Error("names of durabilities")
	}
}
