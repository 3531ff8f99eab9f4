package ledger

import (
	"context"
	"errors"
	"math"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// submissionRows is how many readings are written as one commit. They are judged
// under one read lock and applied under one write lock, so this is also what a
// query may have to wait for.
const submissionRows = 1024

// submission takes some readings from the check before the journal to their verdicts.
type submission struct {
	l        *Ledger
	patience patience
	restore  bool                                   // an operator puts readings back: also while reception is shut down
	retake   bool                                   // they were refused before: Apply has to see those that are recorded now
	each     func(row int, i store.Index, r Result) // called with the result of each reading, unless nil

	readings []store.Reading
	rows     []int // by reading: the caller's number of it
	until    int   // the caller's number of the last row that was sent

	from, to int        // the readings that the commit is about
	latest   meter.Slot // no new one may be later
	refusal  error      // of all new ones, or nil
	full     bool       // those that need memory are refused
	sure     bool       // what the state says needs no barrier, or had it
	doubt    error      // instead of a refusal by the state that could not be confirmed, or nil
	commit   *commit
	recalls  int             // at the beginning of the commit
	taken    []store.Reading // into the commit, after the recalls
	picked   []store.Reading // that are taken, unless all are
	places   []int           // by picked: its place in readings
	judged   []store.PlacedVerdict
	archived map[archivedMonth]*archivedRows

	closedUntil meter.Slot // readings before it may be late

	unlisted, retryUnlisted       bool // nobody will read these refusals: they are only counted
	accepted, duplicates, refused int
	acceptedLate                  int // of the accepted
	retry                         int // of the refused: worth sending again
	firstGood, lastGood           int // the lowest and the highest row that is not refused for good, if there is one
	refusals                      []meter.Refusal
	kept                          []store.Refusal // to be kept
}

// newSubmission is for a sync.Pool.
func newSubmission() any { return &submission{commit: &commit{deferred: true}} }

// reset prepares a submission for its first reading. It keeps what was allocated.
func (s *submission) reset(l *Ledger, p patience) {
	clear(s.refusals)
	*s = submission{
		l: l, patience: p, firstGood: math.MaxInt, sure: l.isAlone(),
		readings: s.readings[:0], rows: s.rows[:0], picked: s.picked[:0], places: s.places[:0], judged: s.judged[:0], refusals: s.refusals[:0], kept: s.kept[:0],
		commit: s.commit.again(),
	}
}

func (s *submission) add(row int, r store.Reading) {
	s.readings = append(s.readings, r)
	s.rows = append(s.rows, row)
}

// way says how the readings came in.
func (s *submission) way() way {
	switch {
	case s.restore:
		return byRestore
	case s.patience == bulky:
		return byBulk
	}
	return bySingle
}

// refuse counts a row that is refused for good.
func (s *submission) refuse(row int, err error) {
	s.refused++
	s.l.metrics.refuse(s.way(), meter.CodeOf(err))
	if !s.unlisted {
		s.refusals = append(s.refusals, meter.Refusal{Row: row, Err: err})
	}
}

// putOff counts a row that is refused, and worth sending again.
func (s *submission) putOff(row int, err error) {
	s.countRetry(row, meter.CodeOf(err))
	if !s.retryUnlisted {
		s.refusals = append(s.refusals, meter.Refusal{Row: row, Err: err})
	}
}

func (s *submission) countRetry(row int, code meter.Code) {
	s.refused++
	s.retry++
	s.good(row)
	s.l.metrics.refuse(s.way(), code)
}

func (s *submission) good(row int) {
	s.firstGood, s.lastGood = min(s.firstGood, row), max(s.lastGood, row)
}

// refuseUnknown makes no error if nobody would read it.
func (s *submission) refuseUnknown(row int, id []byte) {
	switch {
	case s.doubt != nil:
		s.putOff(row, s.doubt)
	case s.unlisted:
		s.refused++
		s.l.metrics.refuse(s.way(), meter.CodeMeterNotFound)
	default:
		s.refuse(row, meter.UnknownMeter(meter.ID(id)))
	}
}

// send queues the readings. Nearly always they are one commit; if they need more
// of the archives than one may recall, send waits for all commits but the last.
func (s *submission) send(ctx context.Context) error {
	for {
		recalled := s.readArchives()
		if err := s.enqueue(ctx, recalled); err != nil {
			return err
		}
		if s.to == len(s.readings) {
			return nil
		}
		if err := s.settle(); err != nil {
			return err
		}
	}
}

// enqueue judges the readings and queues those that are not certainly refused.
func (s *submission) enqueue(ctx context.Context, recalled int) error {
	s.askGates()
	if s.refusal == error(errNotReceiving) && !s.sure {
		return s.askAgain(ctx)
	}
	if s.refusal != nil && len(s.readings) == 0 && s.patience != bulky {
		return s.refusal
	}
	if s.refusal == nil {
		bytesMax := (s.to-s.from)*store.ReadingBytesMax + recalled
		err := s.l.committer.reserve(ctx, s.commit, bytesMax, s.patience)
		if errors.Is(err, errNoQuorum) && !s.restore {
			s.refusal = err
		} else if err != nil {
			return err
		}
	}
	s.look()
	if !s.sure && s.isUnsure() {
		if s.refusal == nil {
			s.l.committer.release(s.commit)
		}
		return s.askAgain(ctx)
	}
	s.judge()
	if s.refusal != nil { // what is recorded was a duplicate all the same
		return nil
	}
	s.commit.payload = store.AppendReadings(s.commit.payload, s.taken, s.restore)
	s.commit.entries = s.recalls + len(s.taken)
	s.commit.growth = s.l.store.Growth(s.taken, s.l.memory.near()) + int64(recalled)
	if s.commit.entries == 0 {
		s.l.committer.release(s.commit)
		return nil
	}
	s.l.committer.push(s.commit)
	return nil
}

// askGates sets why no new reading is taken now.
func (s *submission) askGates() {
	if s.restore {
		return
	}
	s.refusal = s.l.refusal()
	if s.full = s.refusal == error(errMemoryFull); s.full {
		s.refusal = nil
	}
	if s.doubt != nil && s.refusal == error(errNotReceiving) {
		s.refusal = s.doubt
	}
}

// look asks the state and the clock about the readings.
func (s *submission) look() {
	s.latest = s.l.zone.Floor(s.l.now().Add(meter.FutureMax))
	s.judged = s.l.store.JudgeMany(s.readings[s.from:s.to], s.restore, s.judged[:0])
}

// judge refuses readings that need no journal for that, and takes the others.
func (s *submission) judge() {
	if s.takesAll() {
		s.taken = s.readings[s.from:s.to]
		return
	}
	s.pick()
	s.taken = s.picked
}

// takesAll reports whether nothing is to be said before the journal about any reading, as nearly always.
func (s *submission) takesAll() bool {
	if len(s.judged) > 0 || s.full || s.refusal != nil {
		return false
	}
	for _, at := range s.readings[s.from:s.to] {
		if s.keptOut(at.Slot) != nil {
			return false
		}
	}
	return true
}

// pick takes one reading after the other, or refuses it.
func (s *submission) pick() {
	judged := s.judged
	for i, at := range s.readings[s.from:s.to] {
		place := s.from + i
		verdict := store.Verdict{Outcome: store.Accepted}
		if len(judged) > 0 && judged[0].Place == i {
			verdict, judged = judged[0].Verdict, judged[1:]
		}
		switch verdict.Outcome {
		case store.Duplicate: // whatever the clock says
			if s.retake && s.refusal == nil {
				s.take(place, at)
				continue
			}
			s.rule(place, verdict)
		case store.Archived:
			s.late(place, at)
		default:
			s.judgeNew(place, at, verdict)
		}
	}
}

// judgeNew decides about a reading that is not recorded yet.
func (s *submission) judgeNew(place int, at store.Reading, v store.Verdict) {
	if err := s.keptOut(at.Slot); err != nil {
		s.decide(place, Result{Err: err})
		return
	}
	if v.Outcome == store.Accepted && s.full && (s.l.memory.over() || s.l.store.Grows(at)) {
		s.decide(place, Result{Err: errMemoryFull})
		return
	}
	if v.Outcome != store.Accepted {
		s.ruleBefore(place, v)
		return
	}
	s.take(place, at)
}

var errInFuture = meter.Invalid(meter.CodeInvalidTimestamp, "timestamp", "lies more than five minutes in the future")

// keptOut returns why no new reading of a slot is taken.
func (s *submission) keptOut(slot meter.Slot) error {
	switch {
	case s.refusal != nil:
		return s.refusal
	case slot > s.latest:
		return errInFuture
	case slot < s.l.readingsFrom && !s.restore:
		return meter.Invalid(meter.CodeInvalidTimestamp, "timestamp",
			"lies before %s: older readings are not taken, since a meter whose clock was never set sends such times", s.l.zone.Stamp(s.l.readingsFrom))
	}
	return nil
}

func (s *submission) take(place int, at store.Reading) {
	s.picked, s.places = append(s.picked, at), append(s.places, place)
}

// placeOf returns the place in readings of one that was taken.
func (s *submission) placeOf(taken int) int {
	if len(s.places) > 0 {
		return s.places[taken]
	}
	return s.from + taken
}

// answered reports whether settle would not have to wait.
func (s *submission) answered() bool { return s.commit.entries == 0 || len(s.commit.done) > 0 }

// settle waits for the verdicts of what was sent, and prepares for the rest of the
// readings. A commit that is refused for a reason that passes is one refusal for each
// reading in it, unless an operator puts them back.
func (s *submission) settle() error {
	if s.commit.entries > 0 {
		verdicts, err := s.l.committer.wait(s.commit)
		switch {
		case err == nil:
			s.ruleAll(verdicts)
		case s.restore || !meter.Passes(err):
			return err
		default:
			for i := range s.taken {
				s.decide(s.placeOf(i), Result{Err: err})
			}
		}
	}
	s.l.keeper.keep(s.kept)
	s.kept = s.kept[:0]
	s.from, s.recalls, s.taken, s.picked, s.places, s.archived = s.to, 0, nil, s.picked[:0], s.places[:0], nil
	s.commit = s.commit.again()
	return nil
}

// ruleAll counts the store's verdicts on what was taken.
func (s *submission) ruleAll(verdicts store.Verdicts) {
	if s.each != nil {
		for at, v := range verdicts.From(s.recalls) {
			s.rule(s.placeOf(at-s.recalls), v)
		}
		return
	}
	next := 0
	for _, other := range verdicts.Others() {
		if at := other.Place - s.recalls; at >= 0 {
			s.accept(next, at)
			s.rule(s.placeOf(at), other.Verdict)
			next = at + 1
		}
	}
	s.accept(next, len(s.taken))
}

// accept counts the readings that were taken from one place on to before another, which are all accepted.
func (s *submission) accept(from, to int) {
	if from == to {
		return
	}
	s.accepted += to - from
	s.good(s.rows[s.placeOf(from)])
	s.good(s.rows[s.placeOf(to-1)])
	for _, at := range s.taken[from:to] {
		if at.Slot < s.closedUntil && s.l.isClosed(at.Slot) {
			s.acceptedLate++
		}
	}
}

// rule counts the store's verdict on a reading. It is put into words only if somebody
// reads them.
func (s *submission) rule(place int, v store.Verdict) {
	if v.Outcome != store.Accepted && isKept(v.Outcome) && !s.restore {
		s.kept = append(s.kept, store.Refusal{Reading: s.readings[place], IsConflict: v.Outcome == store.Conflict})
		s.l.refused.Add(string(codeOf(v.Outcome)))
	}
	switch {
	case s.each != nil:
		s.decide(place, s.l.result(s.readings[place], v))
	case s.retryUnlisted && passes(v.Outcome):
		s.countRetry(s.rows[place], codeOf(v.Outcome))
	case s.unlisted && v.Outcome != store.Duplicate && !passes(v.Outcome):
		s.refused++
		s.l.metrics.refuse(s.way(), codeOf(v.Outcome))
	default:
		s.decide(place, s.l.result(s.readings[place], v))
	}
}

// passes reports whether the store may take a reading later that it refuses so.
func passes(o store.Outcome) bool {
	return o == store.Held || o == store.Archived || o == store.NotReceiving
}

// decide counts the result of a reading.
func (s *submission) decide(place int, r Result) {
	switch row := s.rows[place]; {
	case r.Err != nil && meter.WorthRepeating(r.Err):
		s.putOff(row, r.Err)
	case r.Err != nil:
		s.refuse(row, r.Err)
	case r.Duplicate:
		s.duplicates++
		s.good(row)
	default:
		s.accepted++
		s.good(row)
	}
	if s.each != nil {
		s.each(s.rows[place], s.readings[place].Meter, r)
	}
}
