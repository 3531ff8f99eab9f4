package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"meterledger/internal/meter"
)

// Known is a Source that reads a file whose hash must be one of those that were written:
// what was changed behind our back is neither merged nor handed out as a whole.
type Known struct {
	*Reader

	ctx   context.Context
	known [][32]byte
}

// ReadKnown opens a file that was written before. It ends with meter.ErrStopped once ctx
// is done.
func (f *Folder) ReadKnown(ctx context.Context, name string, known ...[32]byte) (*Known, error) {
	reader, err := f.Read(name)
	if errors.Is(err, ErrMissing) {
		return nil, Missing(name)
	}
	if err != nil {
		return nil, err
	}
	return &Known{reader, ctx, known}, nil
}

// Next returns the rows of the next meter.
func (k *Known) Next() (Rows, error) {
	if err := meter.Stopped(k.ctx); err != nil {
		return Rows{}, err
	}
	rows, err := k.Reader.Next()
	if errors.Is(err, io.EOF) && !slices.Contains(k.known, k.SHA256()) {
		return Rows{}, Changed(k.name)
	}
	return rows, err
}

// Within returns the part of a Source that lies in a window.
func Within(w meter.Window, source Source) Source { return &within{source, w} }

type within struct {
	Source

	window meter.Window
}

func (w *within) Next() (Rows, error) {
	for {
		rows, err := w.Source.Next()
		if err != nil {
			return Rows{}, err
		}
		kept := rows.Points[:0]
		for _, p := range rows.Points {
			if w.window.Contains(p.Slot) {
				kept = append(kept, p)
			}
		}
		if rows.Points = kept; len(kept) > 0 {
			return rows, nil
		}
	}
}

// Missing says that a file which was written is not there.
func Missing(name string) error {
	return Refused("archive %s is missing, though it was written before: put it back", name)
}

// Changed says that a file is not the one that was written.
func Changed(name string) error {
	return Refused("archive %s was changed since it was written: put the original back "+
		"(rows that were added can be restored from a copy under another name)", name)
}

// Refused is an error that an operator has to mend in the archive folder.
func Refused(format string, args ...any) error {
	return &meter.Error{
		Kind: meter.KindInternal, Code: meter.CodeArchiveConflict, Detail: fmt.Sprintf(format, args...),
	}
}
