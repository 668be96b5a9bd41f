package main

import (
	"fmt"
	"strconv"
	"strings"
)

// size is a flag of bytes: 4096, 4KiB, 10MiB.
type size int64

var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// Set reads a size.
func (s *size) Set(text string) error {
	for _, u := range units {
		if number, ok := strings.CutSuffix(text, u.name); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
			if err != nil || n < 0 || n > 1<<40/u.bytes {
				return fmt.Errorf("%q is no size", text)
			}
			*s = size(n * u.bytes)
			return nil
		}
	}
	return nil
}

// String writes a size in the largest unit that divides it.
func (s size) String() string {
	for _, u := range units[:3] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
