//go:build !unix

package config

// keepPrivate does nothing without modes of files.
func keepPrivate() {}
