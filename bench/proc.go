package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 on
// every Linux that Go runs on.
const clockTick = 10 // ms

// process is a server process that is watched.
type process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

// processUsage is what a process has used so far.
type processUsage struct {
	cpu      float64 // ms, user and system, all threads and the children waited for
	rss, max int64   // bytes now, and at most since the peak was reset
}

// findProcesses returns the processes that are named in any of the three ways,
// and the children of each.
func findProcesses(pids, pidfiles, match string) ([]process, error) {
	var found []int
	for _, s := range strings.FieldsFunc(pids, func(r rune) bool { return r == ',' }) {
		pid, err := strconv.Atoi(s)
		if err != nil {
			return nil, fmt.Errorf("-pids: %w", err)
		}
		found = append(found, pid)
	}
	if pidfiles != "" {
		files, err := filepath.Glob(pidfiles)
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("-pidfile %s: no such files (%v)", pidfiles, err)
		}
		for _, name := range files {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			pid, err := strconv.Atoi(firstField(string(data)))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			found = append(found, pid)
		}
	}
	if match != "" {
		more, err := matchProcesses(match)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	found = withChildren(found)
	slices.Sort(found)
	list := make([]process, 0, len(found))
	for _, pid := range slices.Compact(found) {
		name, err := processName(pid)
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", pid, err)
		}
		list = append(list, process{pid, name})
	}
	return list, nil
}

func firstField(s string) string {
	if f := strings.Fields(s); len(f) > 0 {
		return f[0]
	}
	return ""
}

func allPIDs() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// matchProcesses returns the processes whose command line matches, but this one.
func matchProcesses(pattern string) ([]int, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("-match: %w", err)
	}
	var found []int
	for _, pid := range allPIDs() {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && pid != os.Getpid() && pid != os.Getppid() && re.MatchString(strings.ReplaceAll(string(line), "\x00", " ")) {
			found = append(found, pid)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("-match %s: no such process", pattern)
	}
	return found, nil
}

// withChildren adds the children of the processes, and theirs.
func withChildren(pids []int) []int {
	parents := make(map[int][]int)
	for _, pid := range allPIDs() {
		if f, err := stat(pid); err == nil {
			if parent, err := strconv.Atoi(f[1]); err == nil {
				parents[parent] = append(parents[parent], pid)
			}
		}
	}
	for i := 0; i < len(pids); i++ {
		for _, child := range parents[pids[i]] {
			if !slices.Contains(pids, child) {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// stat returns the fields of /proc/PID/stat from the third (the state) on.
func stat(pid int) ([]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	_, rest, ok := strings.Cut(string(data[strings.LastIndexByte(string(data), ')'):]), ") ")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 22 {
		return nil, fmt.Errorf("/proc/%d/stat: %q", pid, data)
	}
	return fields, nil
}

// processName is the name of the program, and of the node it is where the command
// line says so.
func processName(pid int) (string, error) {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "", err
	}
	args := strings.Split(strings.TrimRight(string(line), "\x00"), "\x00")
	name := filepath.Base(firstField(args[0]))
	for i, arg := range args[:len(args)-1] {
		if arg == "--id" {
			name += " " + args[i+1]
		}
	}
	return name, nil
}

func usageOf(pid int) (u processUsage, err error) {
	fields, err := stat(pid)
	if err != nil {
		return u, err
	}
	// The process's CPU clock is utime + stime of its stat, but to the nanosecond.
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|2), &t); err != nil {
		return u, fmt.Errorf("the CPU clock of process %d: %w", pid, err)
	}
	u.cpu = float64(t.Nano()) / 1e6
	for _, f := range fields[13:15] { // cutime, cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return u, err
		}
		u.cpu += float64(n * clockTick)
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	for line := range strings.Lines(string(data)) {
		var at *int64
		switch {
		case strings.HasPrefix(line, "VmRSS:"):
			at = &u.rss
		case strings.HasPrefix(line, "VmHWM:"):
			at = &u.max
		default:
			continue
		}
		kib, err := strconv.ParseInt(strings.Fields(line)[1], 10, 64)
		if err != nil {
			return u, err
		}
		*at = kib << 10
	}
	return u, nil
}

// resetPeak makes the process's peak memory count from now on, where the kernel
// lets us; else the peak is that of its whole life.
func resetPeak(pid int) {
	os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) //nolint:errcheck // as said
}

// meter reads what processes use between start and stop.
type meter struct {
	processes []process
	before    []processUsage
}

func startMeter(list []process) (*meter, error) {
	m := &meter{processes: list}
	for _, p := range list {
		resetPeak(p.PID)
		u, err := usageOf(p.PID)
		if err != nil {
			return nil, err
		}
		m.before = append(m.before, u)
	}
	return m, nil
}

// serverCost is what one process used for a load.
type serverCost struct {
	process
	CPU    float64 `json:"cpu_ms"`
	RSS    int64   `json:"rss_bytes"`
	MaxRSS int64   `json:"rss_max_bytes"`
}

func (m *meter) stop() ([]serverCost, error) {
	var costs []serverCost
	for i, p := range m.processes {
		u, err := usageOf(p.PID)
		if err != nil {
			return nil, fmt.Errorf("%s ended under the load: %w", p.Name, err)
		}
		costs = append(costs, serverCost{p, u.cpu - m.before[i].cpu, u.rss, u.max})
	}
	return costs, nil
}
