package config_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"meterledger/internal/config"
)

func TestTheArchiveFolderAndTheDataFolderDoNotLieInOneAnother(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("real/data", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real", "link"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		data, archive string
		fits          bool
	}{
		{"data", "Archive", true},
		{"data", "data2", true},
		{"data", "..data", true},
		{"real/data", "link/Archive", true},
		{"data", "data/Archive", false},
		{"Archive/data", "Archive", false},
		{"data", "data", false},
		{"data", "./x/../data/", false},
		{".", "Archive", false},
		{"real/data", "link/data/Archive", false},
		{"link/data", "real", false},
		{filepath.Join(t.TempDir(), "data"), "Archive", true},
	} {
		_, err := config.LoadAPI([]string{"-data-dir", c.data, "-archive-dir", c.archive}, func(string) string { return "" }, io.Discard)
		var setting *config.SettingError
		if (err == nil) != c.fits || err != nil && (!errors.As(err, &setting) || setting.Setting != "-archive-dir") {
			t.Errorf("%s and %s: %v", c.data, c.archive, err)
		}
	}
}

func TestBackupsLieBesideWhatTheyAreOf(t *testing.T) {
	t.Chdir(t.TempDir())
	for folder, fits := range map[string]bool{"backup": true, "data2": true, ".": true, "data": false, "data/backup": false, "Archive/x": false, "x/../Archive": false} {
		_, err := config.LoadAPI([]string{"-backup-dir", folder}, func(string) string { return "" }, io.Discard)
		var setting *config.SettingError
		if (err == nil) != fits || err != nil && (!errors.As(err, &setting) || setting.Setting != "-backup-dir") {
			t.Errorf("%s: %v", folder, err)
		}
	}
}
