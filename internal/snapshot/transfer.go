package snapshot

import (
	"errors"
	"fmt"
	"io"
	"os"

	"meterledger/internal/chain"
)

// OpenNewest opens the newest snapshot for another node: its bytes, how many there are, and the
// position that it is of. It reads the file once to its end, and passes over a damaged one. If none
// is whole the error is os.ErrNotExist.
//
// A snapshot that Keep removes meanwhile stays on the disk, and can be read, until it is closed.
func (f *Folder) OpenNewest() (whole io.ReadCloser, size int64, p chain.Position, err error) {
	sequences, err := f.Sequences()
	if err != nil {
		return nil, 0, p, err
	}
	damage := []error{fmt.Errorf("no snapshot in %s is whole: %w", f.path, os.ErrNotExist)}
	for _, sequence := range sequences {
		file, err := f.open(f.Path(sequence))
		if err == nil {
			p, err = file.check()
			if err = file.mustBe(p, sequence, err); err == nil {
				return sent{file.whole(), file}, file.size, p, nil
			}
			err = errors.Join(err, file.Close())
		}
		damage = append(damage, err)
	}
	return nil, 0, chain.Position{}, errors.Join(damage...)
}

// sent is a snapshot while another node reads it.
type sent struct {
	io.Reader
	io.Closer
}

// Receive makes a snapshot of the bytes that OpenNewest of another node handed out, and returns
// its position. Once that is known, wanted may refuse it. Each record is checked as it comes, and then it is
// written as by Write: what is whole has the same bytes here as there. If it returns an error there is no
// new snapshot, or one, as said there.
func (f *Folder) Receive(from io.Reader, wanted func(chain.Position) error) (chain.Position, error) {
	r := &reader{r: from, buffer: make([]byte, bufferBytes)}
	p, err := r.header()
	if err == nil {
		err = wanted(p)
	}
	if err == nil {
		_, err = f.Write(p, r.rest)
	}
	if err != nil {
		return chain.Position{}, fmt.Errorf("receiving a snapshot, at byte %d: %w", r.offset, err)
	}
	return p, nil
}
