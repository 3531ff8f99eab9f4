package ledger

import (
	"time"

	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// MaintenanceStatus is what is being done and what was done last.
type MaintenanceStatus struct {
	Receiving bool
	Running   *Running // nil while nothing runs
	Last      map[Kind]*Run
	Archives  []Listing // in order of time, days before months
}

// Running is how far the current run is in its phase.
type Running struct {
	Run           *Run
	Phase         string
	Rows          int64
	RowsPerSecond int64
	Meters        int64
	MetersTotal   int64 // 0 where the phase is not counted in meters
	Percent       int
	Left          time.Duration // 0 where nothing can be said yet
}

// MaintenanceStatus returns the state of maintenance.
func (l *Ledger) MaintenanceStatus() MaintenanceStatus {
	status := MaintenanceStatus{Receiving: l.Receiving(), Last: make(map[Kind]*Run), Archives: l.listings()}
	l.runs.mu.Lock()
	defer l.runs.mu.Unlock()
	for kind, run := range l.runs.last {
		status.Last[kind] = run
	}
	if run := l.runs.current; run != nil {
		running := run.progress.running()
		running.Run = run
		status.Running = &running
	}
	return status
}

// LateMonths returns the closed months that readings came for since. The next
// monthly run archives them again.
func (l *Ledger) LateMonths() []meter.Month { return l.store.LateMonths() }

func (l *Ledger) dayInfo(d store.DayArchive) ArchiveInfo {
	path, _, _ := l.archive.Stat(archive.Name(d.Day.Period())) // known also if it is missing
	return ArchiveInfo{d.Day.String(), path, d.Rows, d.SHA256}
}

func (l *Ledger) monthInfo(m store.MonthArchive) ArchiveInfo {
	path, _, _ := l.archive.Stat(archive.Name(m.Month.Period()))
	return ArchiveInfo{m.Month.String(), path, m.Rows, m.SHA256}
}
