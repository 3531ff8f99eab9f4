//go:build unix

package httpkit

import "syscall"

// descriptorsMax returns how many descriptors the process may have. At its start the Go runtime
// raises that to what the system allows.
func descriptorsMax() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return descriptorsAssumed
	}
	return int(min(uint64(limit.Cur), descriptorsAssumed))
}
