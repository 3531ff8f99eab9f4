package rest_test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// slowArchive is a file system on which archives wait for release before they
// are written.
type slowArchive struct {
	vfs.FS
	begun, release chan struct{}
}

func (f *slowArchive) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.Contains(name, "monthly_") && strings.HasSuffix(name, ".csv.tmp") {
		close(f.begun)
		<-f.release
	}
	return f.FS.Create(name, category)
}

func TestReceptionGoesOnWhileAMonthIsBeingClosed(t *testing.T) {
	slow := &slowArchive{vfs.NewMem(), make(chan struct{}), make(chan struct{})}
	s := newScriptOn(t, "during maintenance", slow)
	s.run(`
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:30:00&reading=20
=> 200`)
	closed := make(chan error, 1)
	go func() {
		answer, err := s.client.Post(s.server.URL+"/maintenance/start?maintenance_type=monthly", "", nil)
		if err == nil {
			err = answer.Body.Close()
		}
		closed <- err
	}()
	<-slow.begun
	s.run(`
GET /maintenance/status
=> 200 {"is_maintenance_mode":true,"is_receiving_data":true,"accepting":{"readings":true,"reason":null},"timestamp":"*","timezone":"Asia/Singapore","last_runs":{"daily":null,"monthly":null},"archives":[],"due":"*","meters":1,
  "running":{"maintenance_type":"monthly","period":"2026-10","phase":"writing monthly_2026-10.csv","rows":0,"rows_per_second":0,
  "meters":0,"meters_total":1,"percent":0,"seconds_left":null,"started_at":"2026-11-23T10:10:00"}}
POST /maintenance/start?maintenance_type=daily
=> 503 maintenance_running: monthly maintenance of 2026-10 is running; one run at a time
POST /restore_data
=> 503 maintenance_running: monthly maintenance of 2026-10 is running; one run at a time
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:00:00&reading=19
=> 503 maintenance_running: 2026-10 is being archived; readings of that month are taken again when it is done
POST /meters/A/exchange?at=2026-10-31T23:45:00&old_reading=20.5&new_reading=20.5
=> 503 maintenance_running: 2026-10 is being archived; readings of that month are taken again when it is done
POST /receive_meter_reading?meter_id=A&timestamp=2026-11-01T00:00:00&reading=21
=> 200
GET /get_consumption?meter_id=A&period=last_month
=> 200 {"meter_id":"A","period":"last_month","start_reading":20,"end_reading":21,"consumption":1,
  "start_time":"2026-10-31T23:30:00","end_time":"2026-11-01T00:00:00","readings":2,"expected_readings":1489,"complete":false,"timezone":"Asia/Singapore","unit":"kWh","quality":"ACTUAL","method":null}`)
	close(slow.release)
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	s.run(`
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-31T23:00:00&reading=19
=> 200
GET /get_last_month_bill?meter_id=A
=> 200 {"meter_id":"A","period":"2026-10","start_reading":20,"end_reading":21,"consumption":1,
  "start_time":"2026-10-31T23:30:00","end_time":"2026-11-01T00:00:00","readings":2,"expected_readings":1489,"complete":false,
  "revision":1,"revised_at":null,"previous":null,"success":true,"message":"Bill details retrieved successfully","timezone":"Asia/Singapore","unit":"kWh",
  "lines":[{"serial":null,"start_time":"2026-10-31T23:30:00","end_time":"2026-11-01T00:00:00","start_reading":20,"end_reading":21,"consumption":1}]}`)
}

// slowBackup is a file system on which a backup waits for release before it has a folder.
type slowBackup struct {
	vfs.FS
	begin          func()
	begun, release chan struct{}
}

func (f *slowBackup) MkdirAll(folder string, mode os.FileMode) error {
	if strings.Contains(folder, "before-upgrade") {
		f.begin()
		<-f.release
	}
	return f.FS.MkdirAll(folder, mode)
}

func TestABackupThatIsUnderWayIsTold(t *testing.T) {
	slow := &slowBackup{FS: vfs.NewMem(), begun: make(chan struct{}), release: make(chan struct{})}
	slow.begin = sync.OnceFunc(func() { close(slow.begun) })
	s := newScriptOn(t, "during a backup", slow)
	done := make(chan error, 1)
	go func() {
		answer, err := s.client.Post(s.server.URL+"/backup?name=before-upgrade", "", nil)
		if err == nil {
			err = answer.Body.Close()
		}
		done <- err
	}()
	<-slow.begun
	s.run(`
GET /maintenance/status
=> 200 {"is_maintenance_mode":true,"is_receiving_data":true,"accepting":{"readings":true,"reason":null},"timestamp":"*","timezone":"Asia/Singapore","last_runs":{"daily":null,"monthly":null},"archives":[],"due":[],"meters":0,
  "running":{"maintenance_type":"backup","period":"before-upgrade","phase":"*","rows":0,"rows_per_second":0,
  "meters":0,"meters_total":0,"percent":0,"seconds_left":null,"started_at":"*"}}
POST /maintenance/start?maintenance_type=daily
=> 503 maintenance_running: backup maintenance of before-upgrade is running; one run at a time`)
	close(slow.release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
