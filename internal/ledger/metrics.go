package ledger

import (
	"context"
	"errors"
	"sync"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/metric"
	"meterledger/internal/store"
)

// metrics is what the ledger counts and measures of itself, since the program started.
type metrics struct {
	set           *metric.Set
	appendSeconds *metric.Histogram // to write and fsync one batch
	batchEntries  *metric.Histogram // that shared one fsync
	late          *metric.Counter
	noSnapshot    *metric.Counter
	dropped       *metric.Counter
	readings      [ways]verdicts
}

// way is how a reading comes in.
type way uint8

const (
	bySingle  way = iota // a request of its own
	byBulk               // a row among many
	byRestore            // a row of an archive, which an operator puts back
	ways
)

func (w way) String() string { return [ways]string{"single", "bulk", "restore"}[w] }

// verdicts counts the readings of one way.
type verdicts struct {
	accepted, duplicates *metric.Counter
	refused              map[meter.Code]*metric.Counter // never changed
}

// refusalCodes are the codes with which readings are refused. Others are counted too, but
// stand at no number before they occur first.
var refusalCodes = []meter.Code{
	meter.CodeInvalidParameter, meter.CodeInvalidTimestamp, meter.CodeInvalidReading, meter.CodeInvalidRow,
	meter.CodeMeterNotFound, meter.CodeReadingDecreases, meter.CodeReadingConflict, meter.CodeArchiveConflict, meter.CodeInternal,
	meter.CodeNotReceiving, meter.CodeNotReady, meter.CodeMaintenanceRunning, meter.CodeOverloaded,
	meter.CodeDiskFull, meter.CodeDiskSlow, meter.CodeMemoryFull, meter.CodeArchiveUnavailable,
}

func newMetrics(set *metric.Set) *metrics {
	if set == nil {
		set = metric.NewSet() // which nobody reads
	}
	m := &metrics{
		set:           set,
		appendSeconds: set.Histogram("journal_append_seconds", "How long it took to write and fsync one batch.", metric.Buckets(0.0001, 2, 16)),
		batchEntries:  set.Histogram("journal_batch_entries", "How many entries shared one fsync.", metric.Buckets(1, 4, 9)),
		late:          set.Counter("late_readings_total", "Readings that were accepted into a month that was closed already."),
		noSnapshot:    set.Counter("snapshot_failures_total", "Snapshots that could not be taken."),
		dropped:       set.Counter("refusals_dropped_total", "Refused readings that were not kept: the disk or memory was full, or too much waited for the disk."),
	}
	for w := range ways {
		v := &m.readings[w]
		v.accepted, v.duplicates = m.verdict(w, "accepted", ""), m.verdict(w, "duplicate", "")
		v.refused = make(map[meter.Code]*metric.Counter)
		for _, code := range refusalCodes {
			v.refused[code] = m.refusal(w, code)
		}
	}
	return m
}

func (m *metrics) verdict(w way, verdict string, code meter.Code) *metric.Counter {
	return m.set.Counter("readings_total", "Readings by the way they came in, and by what became of them: "+
		"accepted, duplicate, rejected, or, if the reason passes, retry. A month's file that is adopted as it stands is not counted.",
		"way", w.String(), "verdict", verdict, "code", string(code))
}

func (m *metrics) refusal(w way, code meter.Code) *metric.Counter {
	if code.Passes() {
		return m.verdict(w, "retry", code)
	}
	return m.verdict(w, "rejected", code)
}

// refuse counts a reading that is refused.
func (m *metrics) refuse(w way, code meter.Code) {
	counter, known := m.readings[w].refused[code]
	if !known {
		counter = m.refusal(w, code)
	}
	counter.Inc()
}

// settled counts what was not refused of a submission. Refusals are counted one by one.
func (m *metrics) settled(s *submission) {
	m.readings[s.way()].accepted.Add(s.accepted)
	m.readings[s.way()].duplicates.Add(s.duplicates)
	if s.acceptedLate > 0 {
		m.late.Add(s.acceptedLate)
	}
}

// CountRefusal counts a single reading that was refused before it became one. Readings that
// reach the ledger are counted by it.
func (l *Ledger) CountRefusal(err error) {
	if !errors.Is(err, context.Canceled) { // the caller hung up, and was told nothing
		l.metrics.refuse(bySingle, meter.CodeOf(err))
	}
}

func (m *metrics) appended(took time.Duration, entries int) {
	m.appendSeconds.Update(took.Seconds())
	m.batchEntries.Update(float64(entries))
}

// codeOf returns the code with which a reading of an outcome is refused.
func codeOf(o store.Outcome) meter.Code {
	switch o {
	case store.Conflict:
		return meter.CodeReadingConflict
	case store.BelowEarlier, store.AboveLater, store.BelowExchange, store.AboveExchange:
		return meter.CodeReadingDecreases
	case store.AtModulus:
		return meter.CodeInvalidReading
	case store.NotReceiving:
		return meter.CodeNotReceiving
	default:
		return meter.CodeMaintenanceRunning
	}
}

// measure adds what is looked up whenever Prometheus asks.
func (l *Ledger) measure() {
	gauge := l.metrics.set.Gauge
	gauge("accounts", "Meters that are registered.", func() float64 {
		meters, _ := l.store.Counts()
		return float64(meters)
	})
	gauge("readings_in_memory", "Readings in memory: those of days and months that are not closed, and late ones.", func() float64 {
		_, readings := l.store.Counts()
		return float64(readings)
	})
	revisedBefore := l.store.BillsRevised()
	l.metrics.set.CounterFunc("bills_revised_total", "Bills that were issued again with other figures since the program started.", func() float64 {
		return float64(l.store.BillsRevised() - revisedBefore)
	})
	gauge("silent_meters", "Meters whose latest reading is older than 24 hours, or that have none.", func() float64 {
		return float64(l.silence().meters)
	})
	gauge("newest_reading_timestamp_seconds", "The latest time that any meter has a reading for; 0 without readings.", func() float64 {
		return float64(max(0, l.silence().newest.Unix()))
	})
	gauge("commits_waiting", "Commits that wait for the disk.", func() float64 { return float64(len(l.committer.queue)) })
	for _, g := range l.gates {
		gauge("accepting", "0 while this is a reason why readings and registrations are not taken, 1 while it is not: they are taken while all are 1.",
			func() float64 {
				l.space.look()
				return metric.Flag(!l.isShutFor(g.refusal.Reason))
			}, "reason", string(g.refusal.Reason))
	}
	l.metrics.set.DiskFree("data", l.space.free)
	l.measureMemory(gauge)
	l.measureRefusals()
	gauge("journal_bytes", "Size of the journal on disk.", func() float64 { return float64(l.journal.DiskBytes()) })
	l.snapshots.measure(gauge)
	if l.shared != nil {
		l.measureCluster()
	}
}

func (l *Ledger) measureMemory(gauge func(name, help string, value func() float64, labels ...string)) {
	for kind, of := range map[string]func(store.Footprint) int64{
		"dense":     func(f store.Footprint) int64 { return f.Dense },
		"sparse":    func(f store.Footprint) int64 { return f.Sparse },
		"promised":  func(f store.Footprint) int64 { return f.Promised },
		"frozen":    func(f store.Footprint) int64 { return f.Frozen },
		"accounts":  func(f store.Footprint) int64 { return f.Accounts },
		"summaries": func(f store.Footprint) int64 { return f.Summaries },
		"bills":     func(f store.Footprint) int64 { return f.Bills },
		"refusals":  func(f store.Footprint) int64 { return f.Refusals },

		"credentials": func(f store.Footprint) int64 { return f.Credentials },
	} {
		gauge("memory_held_bytes", "What the state takes in memory, by what it is for; promised is what sparse readings take more if their days fill up.",
			func() float64 { return float64(of(l.store.Footprint())) }, "kind", kind)
	}
	gauge("memory_held_max_bytes", "What the state may take in memory in all, a part of -memory-limit; 0 for any.", func() float64 { return float64(l.memory.max) })
	gauge("memory_limit_bytes", "What the process may take: -memory-limit; 0 for any.", func() float64 { return float64(l.memory.limit) })
}

func (s *snapshotter) measure(gauge func(name, help string, value func() float64, labels ...string)) {
	gauge("last_snapshot_timestamp_seconds", "When a snapshot last held everything: it was written, or nothing had come since the one before, or the program began without one.",
		func() float64 { return float64(s.wholeAt.Load()) / float64(time.Second) })
	gauge("last_snapshot_duration_seconds", "How long the last snapshot took; 0 after a start.",
		func() float64 { return time.Duration(s.took.Load()).Seconds() })
	gauge("last_snapshot_bytes", "Size of the last snapshot.", func() float64 { return float64(s.growth.size.Load()) })
}

const (
	silentAfter = 24 * time.Hour
	// silenceKept is how long a count of silent meters is told again before the meters are
	// looked at again: a few milliseconds for a million of them.
	silenceKept = 15 * time.Second
)

// silence is what is told of all meters' latest readings.
type silence struct {
	at     time.Time
	meters int       // that are silent
	newest time.Time // of all readings
}

// silences keeps the last count.
type silences struct {
	mu   sync.Mutex // guards last; held while the meters are counted
	last silence
}

// silence counts the silent meters, or returns the last count if it is new.
func (l *Ledger) silence() silence {
	l.silences.mu.Lock()
	defer l.silences.mu.Unlock()
	now := l.now()
	if age := now.Sub(l.silences.last.at); age < 0 || age >= silenceKept {
		meters, newest := l.store.CountSilent(l.zone.Floor(now.Add(-silentAfter)))
		l.silences.last = silence{now, meters, time.Time{}}
		if newest > 0 {
			l.silences.last.newest = l.zone.Time(newest)
		}
	}
	return l.silences.last
}
