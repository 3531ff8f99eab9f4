//go:build unix

package config

import "syscall"

// keepPrivate gives the files that this process creates the mode 0600 and its folders 0700,
// those of libraries too.
func keepPrivate() { syscall.Umask(0o077) }
