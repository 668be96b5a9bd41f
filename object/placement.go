package object

import "math"

// Score returns the weighted rendezvous (highest random weight) score of one
// candidate for one name: −weight/ln(h), where h in (0,1) is drawn from the
// name's digest mixed with the candidate's. The candidate with the highest
// score owns the name; a candidate of weight 2 owns twice as many names as one
// of weight 1, and a change of one candidate moves no name between the others
// (Mosko and others, "Weighted rendezvous hashing", the logarithmic method).
func Score(name, candidate uint64, weight float64) float64 {
	return -weight / math.Log(draw(name, candidate))
}

// Best returns the index of the candidate with the highest Score; of equal ones
// the first. There must be one at least, and as many weights.
//
// It takes the logarithm of few candidates only: −ln h ≥ 1−h, so a score is at
// most weight/(1−h), and who cannot beat the best with that is passed over.
func Best(name uint64, candidates []uint64, weights []float64) int {
	const slack = 1 + 1e-9 // more than rounding can be
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
func BestOf(dst []int, name uint64, candidates []uint64, weights []float64, domains []int, count int) []int {
	for fresh := true; len(dst) < count; {
		best, highest := -1, 0.0
		for i, candidate := range candidates {
			if taken(dst, domains, i, fresh) {
				continue
			}
			h := draw(name, candidate)
			if best >= 0 && weights[i]*(1+1e-9) < highest*(1-h) { // as in Best
				continue
			}
			if score := -weights[i] / math.Log(h); best < 0 || score > highest {
				best, highest = i, score
			}
		}
		switch {
		case best >= 0:
			dst = append(dst, best)
		case fresh:
			fresh = false
		default:
			return dst
		}
	}
	return dst
}

// taken reports whether candidate i is chosen already, or, where fresh is set, its
// domain.
func taken(chosen []int, domains []int, i int, fresh bool) bool {
	for _, c := range chosen {
		if c == i || fresh && domains[c] == domains[i] {
			return true
		}
	}
	return false
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
