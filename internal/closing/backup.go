package closing

import (
	"errors"
	"os"
	"slices"
	"time"

	"meterledger/internal/durable"
	"meterledger/internal/meter"
	"meterledger/internal/store"
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
//
// Any of several nodes makes one, with its own data folder. If a run of the one that leads archives
// something meanwhile, it is given up. The folder of backups may be that of all nodes: of two backups of one name one is made.
func (rs *Runs) Backup(name string) (folder string, err error) {
	folder = rs.fs.PathJoin(rs.backupDir, name)
	run, err := rs.start(Backup, name, func(t task) error {
		return durable.WriteFolder(rs.fs, folder, rs.node, t.backUp)
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

// backUp copies both folders into a temporary one, the archives first: of a file that another node puts in place
// meanwhile, the journal that is copied then knows at least the intent. So what it tells of is what was copied, unless
// something has become an archive since.
func (t task) backUp(temporary string) error {
	before, err := t.archived()
	if err != nil {
		return err
	}
	data := t.fs.PathJoin(temporary, backupData)
	err = errors.Join(t.archive.CopyTo(t.fs.PathJoin(temporary, backupArchive)), t.exceptions.copyTo(data), t.totals.copyTo(data))
	if errors.Is(err, os.ErrNotExist) && !t.isAlone() {
		return errArchivedMeanwhile // what was half written is not there any more
	}
	if err != nil {
		return err
	}
	if _, err := t.archived(); err != nil {
		return err
	}
	if err = errors.Join(t.writer.CopyTo(t.ctx, data), t.copyBeside(data)); err != nil {
		return err
	}
	after, err := t.archived()
	if err == nil && !slices.Equal(before, after) {
		err = errArchivedMeanwhile
	}
	return err
}

// archived returns what all nodes have archived up to now.
func (t task) archived() (all []store.Archive, err error) {
	if !t.isAlone() {
		err = t.confirm(t.ctx)
	}
	for _, day := range t.store.Days() {
		all = append(all, day.Archive)
	}
	for _, month := range t.store.Months() {
		all = append(all, month.Archive)
	}
	return all, err
}

var errArchivedMeanwhile = meter.Unavailable(meter.CodeMaintenanceRunning, 5*time.Second,
	"the node that leads has archived something meanwhile: nothing is left of the backup; make it again")
