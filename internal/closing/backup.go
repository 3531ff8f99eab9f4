package closing

import (
	"errors"
	"os"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// The folders of a backup, each of which a program can be started on.
const (
	backupData    = "data"
	backupArchive = "Archive"
)

// Backup copies the data folder and the archives, as they are at one moment, into a new
// folder of that name below the folder of backups, and returns its path. Reception goes on.
// All that was answered before is in it, and the archives are those that its journal tells
// of: no run of maintenance goes on meanwhile. It returns when the backup is on the disk,
// and a backup that was cut off leaves nothing of its name.
func (rs *Runs) Backup(name string) (folder string, err error) {
	folder = rs.fs.PathJoin(rs.backupDir, name)
	run, err := rs.start(Backup, name, func(t task) error {
		return durable.WriteFolder(rs.fs, folder, func(temporary string) error {
			data := rs.fs.PathJoin(temporary, backupData)
			err := rs.writer.CopyTo(t.ctx, data)
			for _, kept := range []keptDays{rs.exceptions, rs.totals} {
				err = errors.Join(err, kept.copyTo(data))
			}
			return errors.Join(err, rs.copyBeside(data), rs.archive.CopyTo(rs.fs.PathJoin(temporary, backupArchive)))
		})
	})
	if err != nil {
		return "", err
	}
	<-run.Done()
	if errors.Is(run.Err, os.ErrExist) {
		return "", meter.Invalid(meter.CodeInvalidParameter, "name", "%s is that of a backup which exists: choose another", name)
	}
	return folder, run.Err
}
