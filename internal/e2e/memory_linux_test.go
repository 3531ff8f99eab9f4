package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"meterledger/api/apitest"
	"meterledger/internal/faulttest"
	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// TestABodyThatWouldFillTheMemoryEndsIn503sAndNotInADeath sends packed CSV with a reading a
// day of as few meters as make a day dense, which is what takes the most memory for its
// length. With PROOFS=whole the limit is 2 GiB instead of 96 MiB.
func TestABodyThatWouldFillTheMemoryEndsIn503sAndNotInADeath(t *testing.T) {
	limit, groups := uint64(96<<20), 1
	if faulttest.Whole() {
		limit, groups = 2<<30, 12
	}
	buildPrograms(t)
	folder := t.TempDir()
	p, err := programs.StartProgram(t.Context(), programs.Config{
		BinDir: binaries, Env: append(settings(filepath.Join(folder, "data"), filepath.Join(folder, "Archive")), fmt.Sprint("MEMORY_LIMIT=", limit), "SNAPSHOT_SIZE=16MiB"),
	}, programs.API)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	s := &suite{t: t, Suite: &programs.Suite{API: p}, client: &http.Client{Transport: apitest.NewTransport(t, http.DefaultTransport), Timeout: 10 * time.Minute}}
	for i := range 256 * groups {
		s.call(http.MethodPost, p.URL, "/register_account", url.Values{"owner_name": {"O"}, "address": {"R"}, "meter_id": {sparseMeter(i)}}, http.StatusOK, &struct{}{})
	}
	sent, packed := 0, 0
	for day := 0; ; day += 100 {
		if day > 5000 {
			t.Fatal("all readings were taken")
		}
		rows, body := sparseBody(day, 100, groups)
		answer := s.sendPacked(body)
		sent, packed = sent+answer.Accepted, packed+len(body)
		if answer.status == http.StatusOK && answer.Accepted == rows {
			continue
		}
		if answer.status != http.StatusServiceUnavailable || answer.Code != string(meter.CodeMemoryFull) || answer.Retry == 0 || answer.Retry != answer.Rejected {
			t.Fatalf("after %d readings: %+v", sent, answer)
		}
		break
	}
	most := highestMemory(t, p)
	t.Logf("%d readings in %d KiB of packed CSV were taken; the api has taken %d MiB at the most", sent, packed>>10, most>>20)
	if most > limit*13/10 {
		t.Errorf("the api took %d bytes, more than 1.3 times %d", most, limit)
	}
	s.wantFirstReadings(p.URL)
	s.kill()
	s.wantFirstReadings(p.URL)
	if most := highestMemory(t, p); most > limit*13/10 {
		t.Errorf("after a kill the api took %d bytes, more than 1.3 times %d", most, limit)
	}
}

func sparseMeter(i int) string { return fmt.Sprintf("M%06d", i) }

// sparseBody is a reading a day of 171 of each 256 meters.
func sparseBody(from, days, groups int) (rows int, packed []byte) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	fmt.Fprintln(w, "meter_id,timestamp,reading")
	for day := from; day < from+days; day++ {
		stamp := time.Date(2010, 1, 2+day, 12, 0, 0, 0, time.UTC).Format(stampLayout)
		for i := range 256 * groups {
			if i%256 < 171 {
				fmt.Fprintf(w, "%s,%s,%d\n", sparseMeter(i), stamp, day)
				rows++
			}
		}
	}
	if err := w.Close(); err != nil {
		panic(err) // a buffer takes everything
	}
	return rows, b.Bytes()
}

type packedAnswer struct {
	Code                      string
	Accepted, Rejected, Retry int

	status int
}

func (s *suite) sendPacked(body []byte) (answer packedAnswer) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.API.URL+"/receive_meter_readings", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/csv")
	r.Header.Set("Content-Encoding", "gzip")
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := json.Unmarshal(content, &answer); err != nil {
		s.t.Fatalf("%v in %s", err, content)
	}
	answer.status = response.StatusCode
	return answer
}

func (s *suite) wantFirstReadings(base string) {
	s.t.Helper()
	rows, err := fetchRows(s.client, base, meter.ID(sparseMeter(0)), "2010-01-01T00:00", "2010-02-01T00:00")
	if err != nil || len(rows) != 30 {
		s.t.Errorf("%d readings of January 2010 are there: %v", len(rows), err)
	}
}

// highestMemory returns the most memory that a program has had.
func highestMemory(t *testing.T, p *programs.Program) uint64 {
	t.Helper()
	most := p.MemoryMax()
	if most == 0 {
		t.Fatalf("the memory of %s is not known", p.Name)
	}
	return most
}
