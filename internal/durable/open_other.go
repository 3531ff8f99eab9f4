//go:build !unix

package durable

import (
	"fmt"
	"io/fs"
	"os"
)

func openOnDisk(path string) (readable, fs.FileInfo, error) {
	stat, err := os.Lstat(path)
	if err != nil {
		return nil, nil, err
	}
	if !stat.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s %w", path, ErrNotRegular)
	}
	file, err := os.Open(path)
	return file, stat, err
}
