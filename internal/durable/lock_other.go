//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package durable

// lockItself does nothing: Windows lets nobody remove a file that is open, such as the lock.
func lockItself(string) (release func() error, err error) {
	return func() error { return nil }, nil
}
