package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// senders are meters that send their readings from the beginning of last month on, one
// after the other, each when the one before was acknowledged.
type senders struct {
	from         time.Time
	acknowledged [8]atomic.Int64 // of each meter, all before the next were
	progress     chan struct{}   // gets a message when one more was acknowledged
}

func (s *senders) id(n int) meter.ID { return meter.ID(fmt.Sprint("M", n)) }

func (s *senders) stamp(i int64) string {
	return s.from.Add(time.Duration(i) * halfHour).Format(stampLayout)
}

// told is how many readings of each meter have been acknowledged.
func (s *senders) told() (counts [8]int64) {
	for n := range counts {
		counts[n] = s.acknowledged[n].Load()
	}
	return counts
}

func (s *senders) total() (all int64) {
	for _, n := range s.told() {
		all += n
	}
	return all
}

// send sends until the api is gone or all of a month is sent.
func (s *senders) send(base string, n int) {
	for i := s.acknowledged[n].Load(); i < 27*48; {
		answer, err := http.Post(base+"/receive_meter_reading?"+url.Values{
			"meter_id": {string(s.id(n))}, "timestamp": {s.stamp(i)}, "reading": {fmt.Sprint(i)},
		}.Encode(), "", nil)
		if err != nil {
			return
		}
		_, err = io.Copy(io.Discard, answer.Body)
		if answer.Body.Close(); err == nil && answer.StatusCode == http.StatusOK {
			i++
			s.acknowledged[n].Store(i)
			select {
			case s.progress <- struct{}{}:
			default: // there is one already
			}
		}
	}
}

// await waits until some more readings were acknowledged.
func (s *senders) await(ctx context.Context, more int64) error {
	for want := s.total() + more; s.total() < want; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.progress:
		}
	}
	return nil
}

// TestABackupUnderLoadHoldsAllThatWasAcknowledgedBefore makes backups while meters send and a
// month is closed again and again, and kills the api in the middle of some of them.
func TestABackupUnderLoadHoldsAllThatWasAcknowledgedBefore(t *testing.T) {
	buildPrograms(t)
	folder := t.TempDir()
	here := func(name string) string { return filepath.Join(folder, name) }
	now := time.Now().In(loadSingapore(t))
	s := &senders{from: time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, now.Location()), progress: make(chan struct{}, 1)}
	api, err := programs.StartProgram(t.Context(), programs.Config{
		BinDir: binaries, Env: append(settings(here("data"), here("Archive")), "BACKUP_DIR="+here("backup"), "SNAPSHOT_SIZE=16KiB", "SNAPSHOT_INTERVAL=1s"),
	}, programs.API)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := api.Kill(); err != nil {
			t.Error(err)
		}
	}()
	for n := range s.acknowledged {
		postUntilFree(t, api.URL+"/register_account?owner_name=Owner&address=Road&meter_id="+string(s.id(n)), http.StatusOK)
	}
	made := make(map[string][8]int64) // what was acknowledged before each backup
	for cycle := range 3 {
		underLoad(t, s, api, func() {
			for n := range 2 {
				name := fmt.Sprint("backup-", cycle, "-", n)
				made[name] = s.told()
				postUntilFree(t, api.URL+"/backup?name="+name, http.StatusOK)
			}
			name := fmt.Sprint("killed-", cycle)
			made[name] = s.told()
			asked := make(chan struct{})
			go func() {
				defer close(asked)
				if answer, err := http.Post(api.URL+"/backup?name="+name, "", nil); err == nil {
					answer.Body.Close()
				}
			}()
			if err := s.await(t.Context(), int64(cycle*8)); err != nil {
				t.Error(err)
			}
			if err := api.Kill(); err != nil {
				t.Error(err)
			}
			<-asked
		})
		if err := api.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s.total() < 100 {
		t.Errorf("only %d readings were acknowledged", s.total())
	}
	for name, told := range made {
		if _, err := os.Stat(here("backup/" + name)); os.IsNotExist(err) && strings.HasPrefix(name, "killed") {
			continue
		}
		wantBackup(t, s, here("backup/"+name), told)
	}
}

// underLoad does something while all meters send and last month is closed again and again.
// It returns when the api has ended.
func underLoad(t *testing.T, s *senders, api *programs.Program, do func()) {
	t.Helper()
	var group sync.WaitGroup
	base := api.URL
	for n := range s.acknowledged {
		group.Go(func() { s.send(base, n) })
	}
	group.Go(func() {
		for {
			answer, err := http.Post(base+"/maintenance/start?maintenance_type=monthly", "", nil)
			if err != nil {
				return
			}
			answer.Body.Close()
		}
	})
	if err := s.await(t.Context(), 50); err != nil {
		t.Error(err)
	}
	do()
	group.Wait()
}

// postUntilFree posts until nothing passing stands in the way.
func postUntilFree(t *testing.T, target string, want int) {
	t.Helper()
	for {
		answer, err := http.Post(target, "", nil)
		if err != nil {
			t.Errorf("POST %s: %v", target, err)
			return
		}
		content, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(content), "maintenance_running") {
			continue
		}
		if err != nil || answer.StatusCode != want {
			t.Errorf("POST %s: %s %s, %v", target, answer.Status, content, err)
		}
		return
	}
}

// wantBackup verifies a backup, starts an api on it, and wants all that was told before.
func wantBackup(t *testing.T, s *senders, folder string, told [8]int64) {
	t.Helper()
	if found, err := os.Stat(folder); err != nil || found.Mode().Perm() != 0o700 {
		t.Errorf("%s has mode %v, %v", folder, found.Mode(), err)
	}
	environment := settings(filepath.Join(folder, "data"), filepath.Join(folder, "Archive"))
	verify := exec.Command(filepath.Join(binaries, "api"), "-verify")
	verify.Env = append(os.Environ(), environment...)
	if found, err := verify.CombinedOutput(); err != nil || !strings.Contains(string(found), "\nstate    8 meters") {
		t.Errorf("%s: %v\n%s", folder, err, found)
	}
	api, err := programs.StartProgram(t.Context(), programs.Config{BinDir: binaries, Env: environment}, programs.API)
	if err != nil {
		t.Error(err)
		return
	}
	for n, count := range told {
		rows, err := fetchRows(http.DefaultClient, api.URL, s.id(n), s.stamp(0), s.stamp(28*48))
		if err != nil || int64(len(rows)) < count {
			t.Errorf("%s has %d readings of %s, of %d that were acknowledged before: %v", folder, len(rows), s.id(n), count, err)
		}
		for i, row := range rows {
			if row[1] != s.stamp(int64(i)) || row[2] != fmt.Sprint(i) {
				t.Errorf("%s: reading %d is %q", folder, i, row)
				break
			}
		}
	}
	if err := api.Kill(); err != nil {
		t.Error(err)
	}
}
