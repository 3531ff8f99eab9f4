package ledger

import (
	"meterledger/internal/archive"
	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// MaintenanceStatus is what is being done and what was done last.
type MaintenanceStatus struct {
	Receiving bool
	Running   *Running // nil while nothing runs
	Last      map[Kind]*Run
	Archives  []ArchiveInfo // in order of time, days before months
}

// Running is how far the current run is.
type Running struct {
	Run         *Run
	Phase       string
	Rows        uint64
	Meters      int64
	MetersTotal int64
}

// MaintenanceStatus returns the state of maintenance.
func (l *Ledger) MaintenanceStatus() MaintenanceStatus {
	status := MaintenanceStatus{Receiving: l.Receiving(), Last: make(map[Kind]*Run), Archives: l.archives()}
	l.runs.mu.Lock()
	defer l.runs.mu.Unlock()
	for kind, run := range l.runs.last {
		status.Last[kind] = run
	}
	if run := l.runs.current; run != nil {
		status.Running = &Running{
			Run:         run,
			Phase:       *run.progress.phase.Load(),
			Rows:        run.progress.rows.Load(),
			Meters:      run.progress.meters.Load(),
			MetersTotal: run.progress.metersTotal.Load(),
		}
	}
	return status
}

// LateMonths returns the closed months that readings came for since. The next
// monthly run archives them again.
func (l *Ledger) LateMonths() []meter.Month { return l.store.LateMonths() }

func (l *Ledger) archives() []ArchiveInfo {
	var infos []ArchiveInfo
	for _, day := range l.store.Days() {
		infos = append(infos, l.dayInfo(day))
	}
	for _, month := range l.store.Months() {
		infos = append(infos, l.monthInfo(month))
	}
	return infos
}

func (l *Ledger) dayInfo(d store.DayArchive) ArchiveInfo {
	return ArchiveInfo{d.Day.String(), l.archive.Path(archive.DailyName(d.Day)), d.Rows, d.SHA256}
}

func (l *Ledger) monthInfo(m store.MonthArchive) ArchiveInfo {
	return ArchiveInfo{m.Month.String(), l.archive.Path(archive.MonthlyName(m.Month)), m.Rows, m.SHA256}
}
