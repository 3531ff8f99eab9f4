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
	formatName    = "FORMAT"
	formatVersion = 1
	formatSizeMax = 4096
)

// format is the content of a data folder's FORMAT file. The zone belongs to it: a
// slot counts half hours of that zone's standard time, and a month was closed by
// its clock.
type format struct {
	Version  int    `json:"version"`
	Timezone string `json:"timezone"`
}

// checkFormat makes sure that this program understands a data folder, and signs a new one.
func checkFormat(fs vfs.FS, folder string, zone *meter.Zone) error {
	path := fs.PathJoin(folder, formatName)
	b, err := durable.ReadFile(fs, path, formatSizeMax)
	if errors.Is(err, os.ErrNotExist) {
		return durable.WriteFile(fs, path, func(w io.Writer) error {
			return json.NewEncoder(w).Encode(format{formatVersion, zone.String()})
		})
	}
	if err != nil {
		return err
	}
	var found format
	if err := json.Unmarshal(b, &found); err != nil {
		return fmt.Errorf("%s is damaged: %w; put it back from a copy of the data folder", path, err)
	}
	if found.Version != formatVersion {
		return fmt.Errorf("%s has format %d, this program knows format %d: start the program that wrote it",
			folder, found.Version, formatVersion)
	}
	if found.Timezone != zone.String() {
		return fmt.Errorf("%s was begun with -timezone %s, not %s: start with that zone or choose another folder",
			folder, found.Timezone, zone)
	}
	return nil
}
