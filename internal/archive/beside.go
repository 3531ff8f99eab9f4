package archive

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"iter"
	"slices"

	"meterledger/internal/meter"
)

// Beside the archives lie files of what no row of a reading tells. They say who lives where and
// who entered what, so only the user of this program may read them.
const (
	AccountsName = "accounts.csv" // all accounts
	EventsName   = "events.csv"   // what happened to meters beside their readings

	// originalAccountsName is that of the Python original, in the same form as AccountsName.
	originalAccountsName = "account.csv"
)

// BesidePath returns the path at which WriteBeside puts a file.
func (f *Folder) BesidePath(name string) string { return f.plain(name) }

// AccountFiles returns the names of the files of accounts that are in the folder.
func (f *Folder) AccountFiles() ([]string, error) {
	names, err := f.list()
	return slices.DeleteFunc([]string{AccountsName, originalAccountsName}, func(name string) bool {
		return !slices.Contains(names, name)
	}), err
}

// Content is the text of a file beside the archives.
type Content func(io.Writer) (rows, meters uint64, err error)

// AccountsContent is a file of the accounts that are handed out.
func AccountsContent(accounts iter.Seq2[meter.Account, error]) Content {
	return contentOf(accounts, func(a meter.Account) meter.ID { return a.ID }, func(w io.Writer) rowWriter[meter.Account] {
		return meter.NewAccountWriter(w)
	})
}

// EventsContent is a file of the events that are handed out.
func (f *Folder) EventsContent(events iter.Seq2[meter.Event, error]) Content {
	return contentOf(events, func(e meter.Event) meter.ID { return e.Meter }, func(w io.Writer) rowWriter[meter.Event] {
		return meter.NewEventWriter(w, f.zone)
	})
}

type rowWriter[T any] interface {
	Write(row T)
	Failure() error
	Flush() error
}

func contentOf[T any](all iter.Seq2[T, error], id func(T) meter.ID, begin func(io.Writer) rowWriter[T]) Content {
	return func(w io.Writer) (rows, meters uint64, _ error) {
		out := begin(w)
		var last meter.ID
		for row, err := range all {
			if err != nil {
				return rows, meters, err
			}
			if rows++; id(row) != last {
				meters, last = meters+1, id(row)
			}
			out.Write(row)
			if err := out.Failure(); err != nil {
				return rows, meters, err
			}
		}
		return rows, meters, out.Flush()
	}
}

// Measure says what WriteBeside would write, and writes nothing.
func (c Content) Measure() (Written, error) { return c.writeTo(io.Discard) }

func (c Content) writeTo(file io.Writer) (written Written, err error) {
	hash := sha256.New()
	counted := &reservingWriter{file, func(bytes int) error {
		written.Bytes += int64(bytes)
		return nil
	}}
	out := bufio.NewWriterSize(io.MultiWriter(hash, counted), bufferBytes)
	if written.Rows, written.Meters, err = c(out); err == nil {
		err = out.Flush()
	}
	written.SHA256 = [32]byte(hash.Sum(nil))
	return written, err
}

// WriteBeside makes a file beside the archives hold a text, whole or not at all. Of steps it
// takes Reserve and Intend.
func (f *Folder) WriteBeside(name string, content Content, steps Writing) (written Written, err error) {
	err = f.replace(f.BesidePath(name), func(file io.Writer) (err error) {
		written, err = content.writeTo(&reservingWriter{file, steps.Reserve})
		return err
	}, func(string) error { return steps.Intend(written) })
	if err != nil {
		return Written{}, fmt.Errorf("writing %s: %w", name, err)
	}
	return written, nil
}
