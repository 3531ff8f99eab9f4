package httpkit

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/meter"
)

// Assets are the files of pages. The hash of all stands in the path of each, so that a browser may
// keep them for ever.
type Assets struct {
	folder string
	packed map[string][]byte // with gzip, by name
}

// assetsPath is what the paths of all assets begin with.
const assetsPath = "/ui/assets/"

// NewAssets returns the files of a folder, which must be there.
func NewAssets(all fs.FS, folder string) *Assets {
	a := &Assets{packed: make(map[string][]byte)}
	entries, err := fs.ReadDir(all, folder)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	hash := sha256.New()
	for _, entry := range entries {
		body, err := fs.ReadFile(all, path.Join(folder, entry.Name()))
		if err != nil {
			panic("BUG: " + err.Error())
		}
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		_, _ = w.Write(body) // a buffer takes all
		_ = w.Close()
		a.packed[entry.Name()] = packed.Bytes()
		hash.Write(body)
	}
	a.folder = assetsPath + base64.RawURLEncoding.EncodeToString(hash.Sum(nil)[:9]) + "/"
	return a
}

// Path returns the path of a file, which must be there.
func (a *Assets) Path(name string) string {
	if _, ok := a.packed[name]; !ok {
		panic("BUG: there is no file " + name)
	}
	return a.folder + name
}

// Mount adds the files to a router.
func (a *Assets) Mount(r chi.Router) {
	for name, packed := range a.packed {
		h := withDocsPolicy(setHeader("Cache-Control", keepForever)(compressedFile(name, packed)))
		r.Method(http.MethodGet, a.folder+name, For(meter.Anyone, h))
	}
}

//go:embed look
var lookFiles embed.FS

// look is what all pages of the suite look like.
var look = NewAssets(lookFiles, "look")
