package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// userHertz is in what parts of a second Linux counts the CPU's time for programs.
const userHertz = 100

// busy returns for how long the machine's CPUs have been busy since it was started,
// 0 where the system does not say.
func busy() time.Duration {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), "\n")
	// cpu  user nice system idle iowait irq softirq steal …
	var ticks int64
	for i, field := range strings.Fields(first) {
		n, err := strconv.ParseInt(field, 10, 64)
		if isIdle := i == 4 || i == 5; err == nil && !isIdle && i <= 8 {
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / userHertz
}

// cpuOf returns the CPU time that a running process has used, 0 where the system does
// not say.
func cpuOf(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// pid (name) state …: the name may hold blanks, and user and system time stand in
	// the 12th and 13th place after it.
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / userHertz
}

// ownCPU returns the CPU time of this process and of those it has waited for.
func ownCPU() time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var used syscall.Rusage
		if err := syscall.Getrusage(who, &used); err == nil {
			sum += time.Duration(used.Utime.Nano() + used.Stime.Nano())
		}
	}
	return sum
}
