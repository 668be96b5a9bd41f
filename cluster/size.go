package cluster

import (
	"errors"
	"strconv"
	"strings"
)

// sizeUnits holds the suffixes of sizes, longest first where one ends in
// another. A single letter is binary, as in AIStore.
var sizeUnits = [...]struct {
	suffix string
	bytes  int64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
	{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"t", 1 << 40},
	{"b", 1},
}

// ParseSize reads a number of bytes with or without an IEC or SI suffix:
// "5MiB", "5MB", "5m", "5242880", in any case.
func ParseSize(s string) (int64, error) {
	digits := strings.ToLower(strings.TrimSpace(s))
	unit := int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(digits, u.suffix); ok {
			digits, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || int64(n) > (1<<63-1)/unit {
		return 0, errors.New("a size is a whole number of bytes, with or without a suffix like KiB, MB or G")
	}
	return int64(n) * unit, nil
}

// FormatSize writes a number of bytes in the largest binary unit that leaves
// it whole, so that ParseSize reads back the same: "5MiB", "1000B", "0B".
func FormatSize(n int64) string {
	for _, u := range [...]struct {
		suffix string
		shift  uint
	}{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}} {
		if n != 0 && n%(1<<u.shift) == 0 {
			return strconv.FormatInt(n>>u.shift, 10) + u.suffix
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}
