package api

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// System returns the load of the machine that the caller runs on, as far as
// /proc tells it.
func System() SystemInfo {
	var s SystemInfo
	total := memory("/proc/meminfo", "MemTotal:")
	s.MemAvail = memory("/proc/meminfo", "MemAvailable:")
	s.MemUsed = memory("/proc/self/status", "VmRSS:")
	if total > 0 {
		s.MemUsedPct = 100 * float64(s.MemUsed) / float64(total)
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		for i, field := range strings.Fields(string(data)) {
			load, err := strconv.ParseFloat(field, 64)
			if err != nil {
				break
			}
			switch i {
			case 0:
				s.Load.One = load
				s.CPUUsedPct = min(100*load/float64(runtime.NumCPU()), 100)
			case 1:
				s.Load.Five = load
			case 2:
				s.Load.Fifteen = load
			}
		}
	}
	return s
}

// memory returns a row of a file of /proc in bytes; there it is in kB.
func memory(file, row string) uint64 {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		rest, ok := strings.CutPrefix(line, row)
		if !ok {
			continue
		}
		kb, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		if err != nil {
			return 0
		}
		return kb << 10
	}
	return 0
}
