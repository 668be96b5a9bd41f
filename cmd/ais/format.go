package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// formatSize writes bytes as AIStore does: "14B", "1.05KiB", "77.70MiB".
func formatSize(n int64) string {
	if n < 1<<10 {
		return strconv.FormatInt(n, 10) + "B"
	}
	value, unit := float64(n), -1
	for value >= 1<<10 && unit < 5 {
		value /= 1 << 10
		unit++
	}
	return fmt.Sprintf("%.2f%ciB", value, "KMGTPE"[unit])
}

// parseSize reads a number of bytes, with or without a unit: "10", "4KiB", "1MB".
func parseSize(s string) (int64, error) {
	text := strings.ToUpper(strings.TrimSpace(s))
	digits := strings.TrimRight(text, "KMGTIB")
	factor := int64(1)
	if unit := text[len(digits):]; unit != "" && unit != "B" {
		power := strings.IndexByte("KMGT", unit[0]) + 1
		base := int64(1 << 10)
		switch unit[1:] {
		case "", "IB":
		case "B":
			base = 1000
		default:
			power = 0
		}
		if power == 0 {
			return 0, errors.New("a size is a number of bytes, or one with a unit such as KiB or MB")
		}
		for range power {
			factor *= base
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > (1<<63-1)/factor {
		return 0, errors.New("a size is a number of bytes, or one with a unit such as KiB or MB")
	}
	return n * factor, nil
}

// sizeFlag is a flag that parseSize reads.
type sizeFlag int64

func (s *sizeFlag) String() string { return strconv.FormatInt(int64(*s), 10) }
func (s *sizeFlag) Type() string   { return "size" }
func (s *sizeFlag) Set(text string) error {
	n, err := parseSize(text)
	*s = sizeFlag(n)
	return err
}

// formatTime writes t in the zone of the user: "22 Nov 26 15:13 UTC"; the zero
// time is empty.
func (a *app) formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(a.zone).Format(time.RFC822)
}

// formatAge writes a duration in its two largest units: "3d4h", "17m", "42s".
func formatAge(d time.Duration) string {
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m"
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

// orDash stands a dash in for nothing.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}
