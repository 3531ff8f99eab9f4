package config

import (
	"path/filepath"
	"strings"
)

// checkFolders refuses folders of which one is the other or lies in it: who removes or copies
// one would meet the other too. The folder of backups may hold the others, but lies in neither.
func checkFolders(data, archive, backup string) error {
	data, archive, backup = realPath(data), realPath(archive), realPath(backup)
	if isWithin(data, archive) || isWithin(archive, data) {
		return &SettingError{Setting: "-archive-dir", Problem: "the archive folder and the data folder must not lie in one another: choose a folder beside the other"}
	}
	if isWithin(backup, data) || isWithin(backup, archive) {
		return &SettingError{Setting: "-backup-dir", Problem: "the folder of backups must not lie in the data folder or the archive folder: choose a folder beside them"}
	}
	return nil
}

func isWithin(path, folder string) bool {
	relative, err := filepath.Rel(folder, path)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

// realPath returns a path without links, as far as it exists.
func realPath(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	for at, rest := absolute, ""; ; at, rest = filepath.Dir(at), filepath.Join(filepath.Base(at), rest) {
		if found, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(found, rest)
		}
		if at == filepath.Dir(at) {
			return absolute
		}
	}
}
