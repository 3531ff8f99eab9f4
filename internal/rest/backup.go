package rest

import (
	"cmp"
	"context"
	"errors"
	"regexp"

	"meterledger/api"
)

type backupRequest struct {
	Name backupName `param:"name"`
}

// backupName is the name of a backup's folder, which lies in the folder of backups. It is
// empty if it is not given.
type backupName string

var backupNames = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

func (n *backupName) UnmarshalText(text []byte) error {
	if !backupNames.Match(text) {
		return errors.New("must be 1 to 64 of A-Z, a-z, 0-9, _ and -, beginning with a letter or digit")
	}
	*n = backupName(text)
	return nil
}

// backupLayout is the present time as the name of a backup.
const backupLayout = "2006-01-02T150405"

func (a *app) backup(_ context.Context, q *backupRequest) (api.Backup, error) {
	name := cmp.Or(string(q.Name), a.reader.Now().In(a.zone.Location()).Format(backupLayout))
	folder, err := a.runs.Backup(name)
	return api.Backup{Success: true, Message: "Backup completed successfully", Timestamp: a.stamp(), Name: name, Folder: folder}, err
}
