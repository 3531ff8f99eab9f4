package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

const (
	journalName   = "journal"
	snapshotsName = "snapshots"
	formatName    = "FORMAT"
	FormatVersion = 3 // 1 had no snapshots, and a journal that was never cut; 2 no levels
	unsigned      = 0
	formatSizeMax = 4096
)

// format is the content of a data folder's FORMAT file. The zone belongs to it: a
// slot counts half hours of that zone's standard time, and a month was closed by
// its clock.
type format struct {
	Version  int    `json:"version"`
	Timezone string `json:"timezone"`
}

// ErrTimezone says that a data folder was begun in another time zone.
var ErrTimezone = errors.New("start with that zone or choose another folder")

// checkFormat makes sure that this program understands a data folder, and returns
// the version that it was signed with.
func checkFormat(fs vfs.FS, folder string, zone *meter.Zone) (version int, err error) {
	path := fs.PathJoin(folder, formatName)
	b, err := durable.ReadFile(fs, path, formatSizeMax)
	if errors.Is(err, os.ErrNotExist) {
		return unsigned, nil
	}
	if err != nil {
		return unsigned, err
	}
	var found format
	if err := json.Unmarshal(b, &found); err != nil {
		return unsigned, fmt.Errorf("%s is damaged: %w; put it back from a copy of the data folder", path, err)
	}
	if found.Version <= unsigned || found.Version > FormatVersion {
		return unsigned, fmt.Errorf("%s has format %d, this program knows formats 1 to %d: start the program that wrote it",
			folder, found.Version, FormatVersion)
	}
	if found.Timezone != zone.String() {
		return unsigned, fmt.Errorf("%s was begun with %s, not %s: %w", folder, found.Timezone, zone, ErrTimezone)
	}
	return found.Version, nil
}

// sign makes a new data folder this program's.
func sign(fs vfs.FS, folder string, zone *meter.Zone) error {
	return durable.WriteFile(fs, fs.PathJoin(folder, formatName), func(w io.Writer) error {
		return json.NewEncoder(w).Encode(format{FormatVersion, zone.String()})
	})
}
