package archive

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

const (
	manifestSuffix   = ".json"
	manifestBytesMax = 64 << 10
)

// Manifest stands beside an archive and says what that holds, for a reader who
// has the folder and nothing else: monthly_2026-10.json beside monthly_2026-10.csv.
type Manifest struct {
	Period    meter.Period `json:"period,omitzero"` // YYYY-MM-DD or YYYY-MM; none of the accounts
	File      string       `json:"file"`
	Rows      uint64       `json:"rows"`
	Meters    uint64       `json:"meters"`
	First     *string      `json:"first"` // timestamps of the earliest and the latest row, null if there are none
	Last      *string      `json:"last"`
	Bytes     int64        `json:"bytes"`
	SHA256    string       `json:"sha256"` // of the file
	Version   string       `json:"version"`
	WrittenAt time.Time    `json:"written_at"`
}

// NewManifest describes what a period's file at a path holds.
func (f *Folder) NewManifest(path string, w Written, version string, at time.Time) Manifest {
	name := f.fs.PathBase(path)
	period, _ := PeriodOf(name)
	m := Manifest{
		Period: period, File: name, Rows: w.Rows, Meters: w.Meters, Bytes: w.Bytes,
		SHA256: hex.EncodeToString(w.SHA256[:]), Version: version, WrittenAt: at.UTC().Truncate(time.Second),
	}
	if w.Rows > 0 {
		first, last := f.zone.Stamp(w.First), f.zone.Stamp(w.Last)
		m.First, m.Last = &first, &last
	}
	return m
}

func stem(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, compressedSuffix), suffix)
}

// Describes reports whether it is the manifest of a file of this hash and length.
func (m Manifest) Describes(rows uint64, sum [32]byte) bool {
	return m.Rows == rows && m.SHA256 == hex.EncodeToString(sum[:])
}

// WriteManifest puts a manifest beside its file.
func (f *Folder) WriteManifest(m Manifest) error {
	return f.replace(f.manifestPath(m.File), func(w io.Writer) error {
		b, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			return err
		}
		_, err = w.Write(append(b, '\n'))
		return err
	}, func(string) error { return nil })
}

// RemoveManifest takes away the manifest of a file, if there is one.
func (f *Folder) RemoveManifest(name string) error {
	err := f.fs.Remove(f.manifestPath(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return errors.Join(err, durable.SyncFolder(f.fs, f.path))
}

// Manifest reads the manifest of a file. If there is none the error is ErrMissing, and
// ErrBadManifest if something else is in its place, or it is that of another file.
func (f *Folder) Manifest(name string) (m Manifest, err error) {
	b, err := durable.ReadFile(f.fs, f.manifestPath(name), manifestBytesMax)
	if errors.Is(err, os.ErrNotExist) {
		return m, ErrMissing
	}
	if err != nil && !errors.Is(err, durable.ErrNotRegular) && !errors.Is(err, durable.ErrLonger) {
		return m, unreadable(stem(name)+manifestSuffix, err)
	}
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	// What stands in a manifest's place may be anything: nothing of its content is told.
	if err != nil || m.File != name && m.File != name+compressedSuffix {
		return Manifest{}, fmt.Errorf("the manifest of %s %w", name, ErrBadManifest)
	}
	if period, _ := PeriodOf(name); m.Period != period { // none of the accounts
		return Manifest{}, fmt.Errorf("the manifest of %s %w: it is of another period", name, ErrBadManifest)
	}
	return m, nil
}

func (f *Folder) manifestPath(name string) string { return f.plain(stem(name) + manifestSuffix) }
