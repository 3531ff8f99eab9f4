// Package durable holds what makes files safe: files that appear whole or not
// at all, folders whose entries survive a power cut, and the lock that gives a
// data folder one owner.
//
// It works on Pebble's vfs.FS, so that tests can put a crashing, failing or
// full disk under every program that writes through it.
package durable
