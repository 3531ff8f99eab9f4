package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// ticks adds up some of the fields of a line in which Linux counts the CPU's time for
// programs, in hundredths of a second. What the system does not say is 0.
func ticks(path string, after byte, fields ...int) (sum time.Duration) {
	b, _ := os.ReadFile(path)
	line, _, _ := bytes.Cut(b, []byte("\n"))
	words := bytes.Fields(line[bytes.LastIndexByte(line, after)+1:])
	for _, i := range fields {
		if i < len(words) {
			n, _ := strconv.Atoi(string(words[i]))
			sum += time.Duration(n) * time.Second / 100
		}
	}
	return sum
}

// busy returns for how long the machine's CPUs have been busy since it was started.
func busy() time.Duration {
	// cpu  user nice system idle iowait irq softirq steal …
	return ticks("/proc/stat", 'u', 0, 1, 2, 5, 6, 7)
}

// cpuOf returns the CPU time that a running process has used.
func cpuOf(pid int) time.Duration {
	// pid (name) state …: the name may hold blanks, and user and system time stand in
	// the 12th and 13th place after it.
	return ticks(fmt.Sprintf("/proc/%d/stat", pid), ')', 11, 12)
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
