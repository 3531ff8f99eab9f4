package e2e

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// pictures are those that the README shows: who looks at which page, with METER and MONTH in its path.
var pictures = map[string]struct {
	role, path string
	height     int64 // pixels
}{
	"household.png": {"household", "/ui/meters/METER/usage?by=month&at=MONTH-01", 1600},
	"operator.png":  {"operator", "/ui/operator/gaps?month=MONTH", 680},
}

// pictureBytesMax keeps the README light.
const pictureBytesMax = 150_000

// TestPicturesOfTheREADME looks at the pictures that the README shows, which are made of a few real homes. With
// SCREENSHOTS set it makes them anew in that folder, to be copied.
func TestPicturesOfTheREADME(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range pictures {
		if !strings.Contains(string(readme), "internal/doc/"+name) {
			t.Errorf("the README does not show %s", name)
		}
		wantPicture(t, filepath.Join("../doc", name))
	}
	folder := os.Getenv(screenshots)
	if folder == "" {
		return
	}
	browser := browse(t)
	n := startNation(t, []string{"Unit 04-12", "Unit 04-13", "Unit 05-12", "Unit 05-13", "Unit 06-12", "Unit 06-13"})
	n.settle()
	for name, of := range pictures {
		b := newTab(t, browser)
		if err := b.login(n.API.URL, n.tokens[of.role]); err != nil {
			t.Fatal(err)
		}
		if err := b.see(1100, "light"); err != nil {
			t.Fatal(err)
		}
		path := strings.NewReplacer("METER", n.homes[0].id, "MONTH", lastMonth(n.zone)).Replace(of.path)
		if _, err := b.visit(n.API.URL + path); err != nil {
			t.Fatal(err)
		}
		if err := chromedp.Do(b.ctx, chromedp.EmulateViewport(1100, of.height)); err != nil {
			t.Fatal(err)
		}
		taken, err := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), taken.Data, 0o600); err != nil {
			t.Fatal(err)
		}
		wantPicture(t, filepath.Join(folder, name))
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
}

// wantPicture wants a picture that shows something, and is small.
func wantPicture(t *testing.T, path string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	shown, err := png.DecodeConfig(file)
	info, errSize := file.Stat()
	if err != nil || errSize != nil || shown.Width < 1000 || info.Size() > pictureBytesMax {
		t.Errorf("%s: %v, %d bytes, %v, %v", path, shown, info.Size(), err, errSize)
	}
}
