package town

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// kept is what an api or its archives hold.
type kept map[string]string // register by stamp

// toldTown is one in which a home was told of three readings: one of each past
// month but the last. Alter changes what is kept of them.
func toldTown(t *testing.T, alter func(kept, *home)) (*Town, *home, kept) {
	t.Helper()
	town, err := New(time.Now(), witness.NewFindings(io.Discard), func(string) func(string) { return func(string) {} })
	if err != nil {
		t.Fatal(err)
	}
	h := newHome(2, town.Calendar, fixed())
	town.homes.homes = []*home{h}
	town.Log.Send(h.account.Claim())
	town.Log.Acknowledge(h.account.Claim())
	there := make(kept)
	for _, n := range []int{0, 1500, 3000} {
		r := h.reading(n)
		town.Log.Send(r)
		town.Log.Acknowledge(r)
		there[r.Stamp] = r.Register
	}
	alter(there, h)
	return town, h, there
}

// lies are what may be wrong with a reading, wherever it is kept.
var lies = map[witness.Kind]func(kept, *home){
	"":               func(kept, *home) {},
	witness.Lost:     func(k kept, h *home) { delete(k, h.reading(1500).Stamp) },
	witness.Altered:  func(k kept, h *home) { k[h.reading(1500).Stamp] = h.wrong(1500).Register },
	witness.Invented: func(k kept, h *home) { k[h.reading(1501).Stamp] = h.reading(1501).Register },
}

func TestWhatTheAPIKeepsWronglyIsFound(t *testing.T) {
	for kind, lie := range lies {
		t.Run(string(kind), func(t *testing.T) {
			town, h, there := toldTown(t, lie)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/account":
					fmt.Fprintf(w, `{"meter_id":%q,"owner_name":%q,"address":%q}`, h.account.Meter, h.account.Owner, h.account.Address)
				default:
					io.WriteString(w, there.csv(h, town.Calendar.Span()))
				}
			}))
			defer server.Close()
			asked := &caller.Caller{Host: server.Listener.Addr().String(), Impatient: true}
			if err := town.Compare(t.Context(), []*caller.Caller{asked}); err != nil {
				t.Fatal(err)
			}
			wantOne(t, town.Findings, kind)
		})
	}
}

func TestWhatArchivesKeepWronglyIsFound(t *testing.T) {
	for kind, lie := range lies {
		t.Run(string(kind), func(t *testing.T) {
			town, h, there := toldTown(t, lie)
			folder := writeArchives(t, town, there, h)
			town.compareFiles(folder, map[meter.ID][]witness.Reading{})
			wantOne(t, town.Findings, kind)
		})
	}
}

func TestAReadingBothInMemoryAndInAnArchiveIsDoubled(t *testing.T) {
	town, h, there := toldTown(t, lies[""])
	folder := writeArchives(t, town, there, h)
	town.compareFiles(folder, map[meter.ID][]witness.Reading{h.account.Meter: {h.reading(1500)}})
	wantOne(t, town.Findings, witness.Doubled)
}

func TestAMeterThatNobodyRegisteredIsInvented(t *testing.T) {
	town, h, there := toldTown(t, lies[""])
	folder := writeArchives(t, town, there, h)
	town.compareFiles(folder, map[meter.ID][]witness.Reading{"stranger": {h.reading(1500)}})
	wantOne(t, town.Findings, witness.Invented)
}

func TestAnArchiveOutOfOrderOrFormIsFound(t *testing.T) {
	for name, text := range map[string]string{
		"no header":      "A,2026-11-20T10:00:00,1\n",
		"no row at all":  "",
		"two fields":     witness.CSVHeader + "\nA,2026-11-20T10:00:00\n",
		"short stamp":    witness.CSVHeader + "\nA,2026-11-20,1\n",
		"out of order":   witness.CSVHeader + "\nA,2026-11-20T10:30:00,1\nA,2026-11-20T10:00:00,1\n",
		"the same twice": witness.CSVHeader + "\nA,2026-11-20T10:00:00,1\nA,2026-11-20T10:00:00,1\n",
		"meters mixed":   witness.CSVHeader + "\nB,2026-11-20T10:00:00,1\nA,2026-11-20T10:30:00,1\n",
	} {
		path := filepath.Join(t.TempDir(), "archive.csv")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readArchive(path); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if _, err := readArchive(filepath.Join(t.TempDir(), "none.csv")); err == nil {
		t.Error("an archive that is not there was taken")
	}
}
