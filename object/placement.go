package object

import (
	"math"
	"slices"
)

// Score returns the weighted rendezvous (highest random weight) score of one
// candidate for one name: −weight/ln(h), where h in (0,1) is drawn from the
// name's digest mixed with the candidate's. The candidate with the highest
// score owns the name; a candidate of weight 2 owns twice as many names as one
// of weight 1, and a change of one candidate moves no name between the others
// (Mosko and others, "Weighted rendezvous hashing", the logarithmic method).
func Score(name, candidate uint64, weight float64) float64 {
	return -weight / math.Log(draw(name, candidate))
}

// slack is more than rounding can be.
const slack = 1 + 1e-9

// Best returns the index of the candidate with the highest Score; of equal ones
// the first. There must be one at least, and as many weights.
//
// It takes the logarithm of few candidates only: −ln h ≥ 1−h, so a score is at
// most weight/(1−h), and who cannot beat the best with that is passed over.
func Best(name uint64, candidates []uint64, weights []float64) int {
	best, highest := 0, 0.0
	for i, candidate := range candidates {
		h := draw(name, candidate)
		if weights[i]*slack < highest*(1-h) {
			continue
		}
		if score := -weights[i] / math.Log(h); score > highest {
			best, highest = i, score
		}
	}
	return best
}

// BestOf appends to dst the indices of the count candidates with the highest scores,
// best first, and returns it: the first is that of Best. Of two candidates of one
// domain the second comes only when no other domain is left. There are as many weights
// and domains as candidates; where there are fewer than count, all are returned.
//
// So it is the best of each domain, of these the best count: whoever is added, or taken
// away, changes one place of a name at most.
func BestOf(dst []int, name uint64, candidates []uint64, weights []float64, domains []int, count int) []int {
	var few [8]float64
	scores, chosen := few[:0], dst[len(dst):]
	if count <= 0 {
		return dst
	}
	for i, candidate := range candidates {
		h := draw(name, candidate)
		full := len(chosen) >= count
		if full && weights[i]*slack < scores[count-1]*(1-h) {
			continue
		}
		last := indexOfDomain(chosen, domains, domains[i]) // the place that it would take from another one
		if last < 0 && full {
			last = count - 1
		}
		if last >= 0 && weights[i]*slack < scores[last]*(1-h) {
			continue
		}
		score := -weights[i] / math.Log(h)
		switch {
		case last < 0:
			last = len(chosen)
			chosen, scores = append(chosen, i), append(scores, score)
		case score <= scores[last]:
			continue
		}
		at := last
		for ; at > 0 && score > scores[at-1]; at-- {
			chosen[at], scores[at] = chosen[at-1], scores[at-1]
		}
		chosen[at], scores[at] = i, score
	}
	for len(chosen) < min(count, len(candidates)) {
		chosen = append(chosen, bestOther(name, candidates, weights, chosen))
	}
	return append(dst, chosen...)
}

// indexOfDomain returns the place in chosen of the candidate of a domain, −1 for none.
func indexOfDomain(chosen, domains []int, domain int) int {
	for at, c := range chosen {
		if domains[c] == domain {
			return at
		}
	}
	return -1
}

// bestOther is Best of the candidates that are not chosen yet; there must be one.
func bestOther(name uint64, candidates []uint64, weights []float64, chosen []int) int {
	best, highest := -1, 0.0
	for i, candidate := range candidates {
		h := draw(name, candidate)
		if best >= 0 && weights[i]*slack < highest*(1-h) || slices.Contains(chosen, i) {
			continue
		}
		if score := -weights[i] / math.Log(h); best < 0 || score > highest {
			best, highest = i, score
		}
	}
	return best
}

// draw returns h: 52 bits, centred, so that it is never 0 or 1.
func draw(name, candidate uint64) float64 {
	return (float64(mix(name^candidate)>>12) + 0.5) / (1 << 52)
}

// mix is the finaliser of splitmix64 (Steele, Lea and Flood 2014), a bijection
// of 64 bits in which every input bit flips every output bit half the time.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
