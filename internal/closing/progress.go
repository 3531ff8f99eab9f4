package closing

import (
	"log/slog"
	"sync/atomic"
	"time"
)

// reportEvery is how often a long run reports its progress in the log.
const reportEvery = 5 * time.Second

// progress is written by the run and read by Status. A phase is measured in meters if
// those are counted, and otherwise in bytes.
type progress struct {
	now func() time.Time
	log *slog.Logger // of the run; did reports to it from time to time
	at  atomic.Pointer[phase]

	told time.Time // when did reported last; touched by the run alone
}

// phase is a part of a run.
type phase struct {
	name        string
	began       time.Time
	metersTotal int64 // 0 if meters are not what is counted
	bytesTotal  int64

	rows, meters, bytes atomic.Int64
}

// begin begins a phase. A total of 0 is not known.
func (p *progress) begin(name string, metersTotal int, bytesTotal int64) {
	p.at.Store(&phase{name: name, began: p.now(), metersTotal: int64(metersTotal), bytesTotal: bytesTotal})
}

// did counts what was done since, and tells the log when it is time.
func (p *progress) did(meters, rows int, bytes int64) {
	phase := p.at.Load()
	phase.meters.Add(int64(meters))
	phase.rows.Add(int64(rows))
	phase.bytes.Add(bytes)
	if now := time.Now(); now.Sub(p.told) > reportEvery {
		p.told = now
		r := p.running()
		p.log.Info("maintenance goes on", "phase", r.Phase, "percent", r.Percent, "rows", r.Rows,
			"rows_per_second", r.RowsPerSecond, "time_left", r.Left.Round(time.Second))
	}
}

// running says how far the phase is. Time left is that of the phase, as if it went
// on at the same pace.
func (p *progress) running() Running {
	phase := p.at.Load()
	r := Running{
		Phase: phase.name, Rows: phase.rows.Load(),
		Meters: phase.meters.Load(), MetersTotal: phase.metersTotal,
	}
	elapsed := p.now().Sub(phase.began)
	if elapsed > 0 {
		r.RowsPerSecond = int64(float64(r.Rows) / elapsed.Seconds())
	}
	done, total := r.Meters, r.MetersTotal
	if total == 0 {
		done, total = phase.bytes.Load(), phase.bytesTotal
	}
	if total > 0 {
		done = min(done, total)
		r.Percent = int(100 * done / total)
	}
	if done > 0 {
		r.Left = time.Duration(float64(elapsed) * float64(total-done) / float64(done))
	}
	return r
}
