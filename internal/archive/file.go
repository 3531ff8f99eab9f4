package archive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"

	"meterledger/internal/durable"
)

// File is an archive that is open to be read. Its form and its size were found out
// when it was opened, and nothing that takes its place on the disk changes them.
type File struct {
	*durable.Regular

	name         string // without the ending of its form
	isCompressed bool

	hash hash.Hash // of the bytes that Read returned
	read int64     // how many these are
}

// places returns where to look for a file. A run puts one form beside the other before
// it removes that: a plain file that is replaced between the first look and the second
// is found, compressed, by the third.
func (f *Folder) places(name string) [3]string {
	return [...]string{f.compressed(name), f.plain(name), f.compressed(name)}
}

// Open opens a file of the folder in the form that is there. If there is none, the error
// is ErrMissing.
func (f *Folder) Open(name string) (*File, error) {
	for _, path := range f.places(name) {
		file, err := f.openAt(path, name)
		if !errors.Is(err, ErrMissing) {
			return file, err
		}
	}
	return nil, fmt.Errorf("opening archive %s: %w", name, ErrMissing)
}

func (f *Folder) openAt(path, name string) (*File, error) {
	file, err := durable.OpenRegular(f.fs, path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrMissing
	}
	if err != nil {
		return nil, unreadable(name, err)
	}
	return &File{Regular: file, name: name, isCompressed: strings.HasSuffix(path, compressedSuffix)}, nil
}

// Read reads on, and hashes and counts what was read.
func (f *File) Read(b []byte) (int, error) {
	if f.hash == nil {
		f.hash = sha256.New()
	}
	n, err := f.Regular.Read(b)
	f.hash.Write(b[:n]) // never fails
	f.read += int64(n)
	return n, f.worded(err)
}

// ReadAt reads at an offset.
func (f *File) ReadAt(b []byte, offset int64) (int, error) {
	n, err := f.Regular.ReadAt(b, offset)
	return n, f.worded(err)
}

// worded tells a disk that does not read from a file that ends.
func (f *File) worded(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return unreadable(f.name, err)
}

// readSHA256 reads the whole file and returns its hash.
func (f *File) readSHA256() (sum [32]byte, err error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, f.Regular); err != nil {
		return sum, unreadable(f.name, err)
	}
	return [32]byte(hash.Sum(nil)), nil
}

// Stat returns the path of a file and its size in bytes. If there is none, it returns the
// path of the plain form, and the error is ErrMissing.
func (f *Folder) Stat(name string) (path string, size int64, err error) {
	for _, path := range f.places(name) {
		stat, err := f.fs.Stat(path)
		if err == nil {
			return path, stat.Size(), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return path, 0, unreadable(name, err)
		}
	}
	return f.plain(name), 0, fmt.Errorf("looking for archive %s: %w", name, ErrMissing)
}

// SHA256 reads a file and returns its hash.
func (f *Folder) SHA256(name string) (sum [32]byte, err error) {
	file, err := f.Open(name)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	return file.readSHA256()
}

// Sync makes a file survive a power cut that another program wrote.
func (f *Folder) Sync(name string) error {
	file, err := f.Open(name)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("syncing archive %s: %w", name, err)
	}
	return durable.SyncFolder(f.fs, f.path)
}

// Left returns the hash of a plain file beside the compressed one that is read in its
// stead, and whether there is one: a run that was cut off while it changed the form
// leaves it, or somebody put it there.
func (f *Folder) Left(name string) (sum [32]byte, there bool, err error) {
	if _, err := f.fs.Stat(f.compressed(name)); errors.Is(err, os.ErrNotExist) {
		return sum, false, nil
	} else if err != nil {
		return sum, false, unreadable(name, err)
	}
	left, err := f.openAt(f.plain(name), name)
	if errors.Is(err, ErrMissing) {
		return sum, false, nil
	}
	if err != nil {
		return sum, true, err
	}
	defer left.Close()
	sum, err = left.readSHA256()
	return sum, true, err
}

// Text is the text of a file that is open.
type Text struct {
	file    *File
	decoded io.ReadCloser
	failure error
}

// OpenText opens the text of a file.
func (f *Folder) OpenText(name string) (*Text, error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, err
	}
	if !file.isCompressed {
		return &Text{file: file, decoded: io.NopCloser(file)}, nil
	}
	decoder, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(windowBytesMax))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening archive %s: %w", name, err), file.Close())
	}
	return &Text{file: file, decoded: decoder.IOReadCloser()}, nil
}

// Read reads on. An error other than io.EOF says of the file what is wrong with it.
func (t *Text) Read(b []byte) (int, error) {
	n, err := t.decoded.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		t.failure = Damaged(t.file.name, err)
		err = t.failure
	}
	return n, err
}

// Failure returns the error of Read, or nil. It tells a file that cannot be read from one
// whose rows are refused.
func (t *Text) Failure() error { return t.failure }

// BytesRead returns how many bytes of the file were read.
func (t *Text) BytesRead() int64 { return t.file.read }

// Size returns how many bytes the file has.
func (t *Text) Size() int64 { return t.file.Regular.Size }

// SHA256 returns the hash of the file. It is only known once all of it was read.
func (t *Text) SHA256() [32]byte { return [32]byte(t.file.hash.Sum(nil)) }

// Close closes the file.
func (t *Text) Close() error { return errors.Join(t.decoded.Close(), t.file.Close()) }
