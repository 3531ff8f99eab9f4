package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
	"meterledger/internal/journal"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

const (
	journalName   = "journal"
	snapshotsName = "snapshots"
	formatName    = "FORMAT"
	FormatVersion = store.Format
	unsigned      = 0
	formatSizeMax = 64 << 10
)

// format is the content of a data folder's FORMAT file. The zone belongs to it: a
// slot counts half hours of that zone's standard time, and a month was closed by
// its clock. From version 4 on it keeps what the zone's rules were, because the time zone
// database of the next start may have others.
type format struct {
	Version  int         `json:"version"`
	Timezone string      `json:"timezone"`
	Standard int64       `json:"standard_offset"` // that the grid lies on, in seconds east of UTC
	Rules    meter.Rules `json:"offsets,omitempty"`
}

// ErrTimezone says that a data folder was begun in another time zone.
var ErrTimezone = errors.New("start with that zone or choose another folder")

// checkFormat makes sure that this program understands a data folder, and returns what the
// folder was signed with; its version is unsigned if it was not.
func checkFormat(fs vfs.FS, folder string, zone *meter.Zone) (found format, err error) {
	path := fs.PathJoin(folder, formatName)
	b, err := durable.ReadFile(fs, path, formatSizeMax)
	if errors.Is(err, os.ErrNotExist) {
		return format{}, nil
	}
	if err != nil {
		return format{}, err
	}
	if err := json.Unmarshal(b, &found); err != nil || found.Version <= unsigned {
		return format{}, fmt.Errorf("%s is damaged: put it back from a copy of the data folder", path)
	}
	if found.Version > FormatVersion {
		return format{}, fmt.Errorf("%s was written by a newer version: it has format %d, this program knows formats 1 to %d; start the newer version, nothing was changed",
			folder, found.Version, FormatVersion)
	}
	if found.Timezone != zone.String() {
		return format{}, fmt.Errorf("%s was begun with %s, not %s: %w", folder, found.Timezone, zone, ErrTimezone)
	}
	return found, nil
}

// checkJournal is checkFormat, and makes sure that a folder which was signed has a journal.
func checkJournal(o Options) (signed format, err error) {
	signed, err = checkFormat(o.FS, o.DataDir, o.Zone)
	if err == nil && signed.Version != unsigned && !journal.Exists(o.FS, o.FS.PathJoin(o.DataDir, journalName)) {
		err = fmt.Errorf("%s has lost its journal: put back a copy of the data folder or choose an empty one", o.DataDir)
	}
	return signed, err
}

// OpenJournal opens the journal of a data folder to be read, as Open does first. A folder that is new gets
// an empty one.
func OpenJournal(o Options) (*journal.Journal, error) {
	if _, err := checkJournal(o); err != nil {
		return nil, err
	}
	return journal.OpenReadOnly(o.FS, o.FS.PathJoin(o.DataDir, journalName), o.Log)
}

// keptZone returns the zone as the folder knows it, in which what was written until an
// instant keeps its time.
func (f format) keptZone(zone *meter.Zone, until time.Time) (*meter.Zone, error) {
	if len(f.Rules) == 0 {
		return zone, nil
	}
	return zone.Keep(f.Standard, f.Rules, until)
}

// sign makes a data folder this program's.
func sign(fs vfs.FS, folder string, zone *meter.Zone) error {
	return durable.WriteFile(fs, fs.PathJoin(folder, formatName), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(format{FormatVersion, zone.String(), zone.Standard(), zone.Rules()})
	})
}
