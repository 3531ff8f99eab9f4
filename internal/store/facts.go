package store

import "meterledger/internal/meter"

// state is all that the facts of the journal add up to. A frozen state is a copy of
// it: a field is replaced as a whole when it changes, unless share copies more.
type state struct {
	level    Level
	shut     bool                      // reception was shut down
	accounts []meter.Account           // by Index; only ever added to
	latest   column[meter.Point]       // by Index: the reading with the latest slot ever accepted; slot 0 before the first
	grid     grid                      // readings in memory
	readings uint64                    // in the grid
	months   []*month                  // archived and cleared, in order of time
	days     []DayArchive              // archived, in order of time
	intents  map[string][][32]byte     // by period: hashes of the files that were about to be put in place since it was archived last
	hold     Hold                      // of the run of maintenance that is under way
	pending  map[meter.Month]*newMonth // what the next closing of a month will keep
}

// kind is the first byte of an entry. 11 and 13 to 15 are kept free for an order that
// several nodes share.
type kind uint8

const (
	kindAccount   kind = 1
	kindReading   kind = 2
	kindReception kind = 3
	kindRecall    kind = 4
	kindSummaries kind = 5
	kindClose     kind = 6
	kindDay       kind = 7
	kindIntent    kind = 8
	kindRun       kind = 9
	kindAdopt     kind = 10
	kindHold      kind = 12
	kindLevel     kind = 16
	kindFree      kind = 17
	kindUnder     kind = 18
	kindRestored  kind = 19
	kindBills     kind = 20
)

// fact is an entry, decoded. Its effect is what it changes, and the verdict on it.
type fact interface {
	effect(s *Store) Verdict
}

// decodeFact reads an entry behind its kind. Readings have a way of their own, see
// Apply, because there are so many.
func decodeFact(k kind, d *decoder) fact {
	switch k {
	case kindAccount:
		return decodeAccount(d)
	case kindReception:
		return decodeReception(d)
	case kindRecall:
		return decodeRecall(d)
	case kindSummaries:
		return decodeSummaries(d)
	case kindClose:
		return decodeClosing(d)
	case kindDay:
		return decodeDay(d)
	case kindIntent:
		return decodeIntent(d)
	case kindAdopt:
		return decodeAdoption(d)
	case kindHold:
		return decodeHold(d)
	case kindLevel:
		return decodeLevel(d)
	case kindFree:
		return decodeFree(d)
	case kindUnder:
		return decodeUnder(d)
	case kindBills:
		return decodeBills(d)
	}
	return unknownFact(k, d)
}

// record is one sort of record of a state that is written down. A record is its kind,
// its version, and what encode and decode make of it.
type record struct {
	kind    uint8
	version uint8                       // that is written; decode knows those before it too
	encode  func(*stateEncoder, *state) // nil: it is not written any more
	decode  func(*stateReader, uint8)
}

// records lists the sorts in the order in which a state has them. None of the first
// version of a state carries a version of its own.
var records = []record{
	{1, 2, encodeBegin, readBegin},
	{2, 1, encodeAccounts, readAccounts},
	{3, 1, encodeLatest, readLatest},
	{4, 1, encodeDays, readDay},
	{5, 1, encodeIntents, readIntent},
	{13, 1, encodeHold, readHold},
	{6, 2, encodeMonths, readMonth},
	{14, 1, encodeRecalled, readRecalled},
	{7, 1, encodeSummaries, readSummaries},
	{8, 1, nil, readFormer},
	{15, 1, encodeBills, readBills},
	{9, 1, encodePendingSummaries, readPendingSummaries},
	{10, 1, nil, readPendingFormer},
	{16, 1, encodePendingBills, readPendingBills},
	{11, 1, encodeGrid, readChunk},
	{12, 1, encodeEnd, readEnd},
}
