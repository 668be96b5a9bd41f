package object

import "math"

// Score returns the weighted rendezvous (highest random weight) score of one
// candidate for one name: −weight/ln(h), where h in (0,1) is drawn from the
// name's digest mixed with the candidate's. The candidate with the highest
// score owns the name; a candidate of weight 2 owns twice as many names as one
// of weight 1, and a change of one candidate moves no name between the others
// (Mosko and others, "Weighted rendezvous hashing", the logarithmic method).
func Score(name, candidate uint64, weight float64) float64 {
	// 52 bits, centred, so that h is never 0 or 1.
	h := (float64(mix(name^candidate)>>12) + 0.5) / (1 << 52)
	return -weight / math.Log(h)
}

// mix is the finaliser of splitmix64 (Steele, Lea and Flood 2014), a bijection
// of 64 bits in which every input bit flips every output bit half the time.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
