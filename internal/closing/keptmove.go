package closing

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// ShareKept moves what was computed of days from the data folder of a node alone into the archive folder that nodes are about to
// share. Of a day of which there is something whole already, that stays: the nodes have written it since. None of them
// may run. Whatever ends it, the same again goes on with it, and so does UnshareKept.
func ShareKept(fs vfs.FS, dataDir, archiveDir string) error {
	return moveKept(fs, dataDir, archiveDir, false)
}

// UnshareKept moves it from the archive folder into the data folder of a node that is alone from now on, over what may
// be left there of the time before. No node may run. Whatever ends it, the same again goes on with it.
func UnshareKept(fs vfs.FS, archiveDir, dataDir string) error {
	return moveKept(fs, archiveDir, dataDir, true)
}

func moveKept(fs vfs.FS, from, to string, replaces bool) error {
	exceptions, totals := keptIn(fs, from)
	newExceptions, newTotals := keptIn(fs, to)
	if err := exceptions.moveTo(newExceptions, replaces); err != nil {
		return err
	}
	return totals.moveTo(newTotals, replaces)
}

// moveTo moves all files to another folder. Each is safe there before it goes here.
func (f keptDays) moveTo(to keptDays, replaces bool) error {
	days, err := f.days()
	if err == nil && len(days) > 0 {
		err = to.tidy()
	}
	if err != nil {
		return err
	}
	for _, day := range days {
		if replaces || !to.isWhole(day) {
			err = f.copyDay(to, day)
		}
		if err == nil {
			err = f.fs.Remove(f.path(day))
		}
		if err != nil {
			return fmt.Errorf("moving %s to %s: %w", f.path(day), to.folder, err)
		}
	}
	err = durable.SyncFolder(f.fs, f.folder) // also of what is gone: the removal may have been cut off before this
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

func (f keptDays) copyDay(to keptDays, day meter.Day) error {
	file, err := durable.OpenRegular(f.fs, f.path(day))
	if err != nil {
		return err
	}
	defer file.Close()
	return durable.WriteFile(f.fs, to.path(day), func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(file, 0, file.Size))
		return err
	})
}
