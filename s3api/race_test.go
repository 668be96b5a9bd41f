//go:build race

package s3api

// raceEnabled says that pools forget on purpose, so that nothing is said about allocations.
const raceEnabled = true
