//go:build !unix

package httpkit

func descriptorsMax() int { return descriptorsAssumed }
