package archive

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/klauspost/compress/zstd"

	"meterledger/internal/durable"
)

// File is an archive that is open to be read. Its form and its size were found out
// when it was opened, and nothing that takes its place on the disk changes them.
type File struct {
	vfs.File
	name         string // without the ending of its form
	path         string
	size         int64
	isCompressed bool
}

// ErrMissing says that there is no such file.
var ErrMissing = errors.New("there is no such archive")

// Open opens a file of the folder in the form that is there. A run puts one form beside
// the other before it removes that: a plain file that is replaced between the first
// look and the second is found, compressed, by the third.
func (f *Folder) Open(name string) (*File, error) {
	for _, compressed := range []bool{true, false, true} {
		file, err := f.openForm(name, compressed)
		if !errors.Is(err, ErrMissing) {
			return file, err
		}
	}
	return nil, fmt.Errorf("opening archive %s: %w", name, ErrMissing)
}

func (f *Folder) openForm(name string, compressed bool) (*File, error) {
	path := f.plain(name)
	if compressed {
		path = f.compressed(name)
	}
	file, err := f.fs.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrMissing
	}
	if err != nil {
		return nil, fmt.Errorf("opening archive %s: %w", name, err)
	}
	stat, err := file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening archive %s: %w", name, err), file.Close())
	}
	return &File{file, name, path, stat.Size(), compressed}, nil
}

// Stat returns where a file is and how many bytes it has. A missing one would be at the
// path that is returned with the error.
func (f *Folder) Stat(name string) (path string, size int64, err error) {
	file, err := f.Open(name)
	if err != nil {
		return f.plain(name), 0, err
	}
	return file.path, file.size, file.Close()
}

// SHA256 returns the hash of a file as it is.
func (f *Folder) SHA256(name string) (sum [32]byte, err error) {
	file, err := f.Open(name)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	return file.sha256()
}

func (f *File) sha256() (sum [32]byte, err error) {
	hash := sha256.New()
	if _, err := io.Copy(hash, f.File); err != nil {
		return sum, fmt.Errorf("reading archive %s: %w", f.name, err)
	}
	return [32]byte(hash.Sum(nil)), nil
}

// Sync makes a file that others wrote survive a power cut.
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
	read, err := f.Open(name)
	if errors.Is(err, ErrMissing) {
		return sum, false, nil
	}
	if err != nil {
		return sum, false, err
	}
	if err := read.Close(); err != nil || !read.isCompressed {
		return sum, false, err
	}
	left, err := f.openForm(name, false)
	if errors.Is(err, ErrMissing) {
		return sum, false, nil
	}
	if err != nil {
		return sum, true, err
	}
	defer left.Close()
	sum, err = left.sha256()
	return sum, true, err
}

// OpenText opens the text of a file, and returns how many bytes the file has. Tapped
// hands on what is read of the file itself.
func (f *Folder) OpenText(name string, tapped func(io.Reader) io.Reader) (text io.ReadCloser, size int64, err error) {
	file, err := f.Open(name)
	if err != nil {
		return nil, 0, err
	}
	text, err = file.decode(tapped(file))
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("opening archive %s: %w", name, err), file.Close())
	}
	return &textFile{text, file}, file.size, nil
}

// decode returns the text that the bytes of the file are.
func (f *File) decode(bytes io.Reader) (io.ReadCloser, error) {
	if !f.isCompressed {
		return io.NopCloser(bytes), nil
	}
	decoder, err := zstd.NewReader(bytes, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	return decoder.IOReadCloser(), nil
}

// textFile closes the file with its text.
type textFile struct {
	io.ReadCloser
	file *File
}

func (t *textFile) Close() error { return errors.Join(t.ReadCloser.Close(), t.file.Close()) }
