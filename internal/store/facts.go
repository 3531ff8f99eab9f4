package store

import (
	"slices"
	"time"

	"meterledger/internal/meter"
)

// A new kind of fact is a file of its own and lines in this one: its fields of the
// state, its kind of entry and its records.

// state is all that the facts of the journal add up to. A frozen state is a copy of
// it: a field is replaced as a whole when it changes, unless share copies more.
type state struct {
	level    Level
	shut     bool                        // reception was shut down
	written  time.Time                   // when something was written last; zero before the first time that says so
	accounts []meter.Account             // by Index; only ever added to
	latest   column[meter.Point]         // by Index: the reading with the latest slot ever accepted; slot 0 before the first
	grid     grid                        // readings in memory
	readings uint64                      // in the grid
	months   []*month                    // archived and cleared, in order of time
	days     []DayArchive                // archived, in order of time
	edits    column[*pastEdits]          // by Index: what was corrected; nil for nearly all
	intents  map[meter.Period][][32]byte // hashes of the files that were about to be put in place since the period was last archived
	shared   shared                      // with other nodes
	hold     Hold                        // of the run of maintenance that is under way
	lives    column[*life]               // by Index: dials and limits; nil for most
	arrivals arrivals                    // of readings, since LevelHolds
	pending  map[meter.Month]*newMonth   // what the next closing of a month will keep
	refusals refusals                    // readings that were refused, to be judged again

	resolutions []Resolution // in the order in which they came; only ever added to
	credentials credentials
	owners      column[*owners] // by Index: changes of who lives there; nil for most
}

func newState() state {
	return state{level: LevelBegun, intents: make(map[meter.Period][][32]byte), pending: make(map[meter.Month]*newMonth), hold: noHold, shared: shared{term: Alone}}
}

// share returns the present state, which holds as long as nothing is applied or
// ice covers what is there.
func (s *state) share() state {
	shared := *s
	shared.latest = slices.Clone(s.latest)
	shared.edits = slices.Clone(s.edits)
	shared.grid = s.grid.share()
	shared.lives = slices.Clone(s.lives)
	shared.owners = slices.Clone(s.owners)
	shared.credentials = s.credentials.share()
	shared.arrivals.column = slices.Clone(s.arrivals.column)
	shared.refusals = s.refusals.share()
	shared.months = make([]*month, len(s.months))
	for i, m := range s.months {
		shared.months[i] = &month{m.MonthArchive, m.meterRecords.share(), slices.Clone(m.recalled), m.late}
	}
	shared.pending = make(map[meter.Month]*newMonth, len(s.pending))
	for name, p := range s.pending {
		shared.pending[name] = &newMonth{p.meterRecords.share(), slices.Clip(p.revised)}
	}
	return shared
}

// Format is the version of a data folder in which all kinds of entries and versions of
// records below occur. Whoever adds one raises it, so that an older program refuses the folder
// by its number; a test compares it with them. 1 had no snapshots, and a journal that was
// never cut; 2 no levels; 3 no times of writing, no arrivals, and no accounts among what is
// restored; 4 nothing of a meter's life; 5 no credentials, and no changes of owners; 6 nothing of an order that
// several nodes share; 7 no changes of some of a meter's limits; 8 no sums of archived rows.
const Format = 9

// kind is the first byte of an entry. 13 is not used. Beside each is the size of the longest that
// the program writes, in bytes; with what stands around it a commit has 1 MiB at the most.
type kind uint8

const (
	kindAccount   kind = 1  // 1,679
	kindReading   kind = 2  // 18
	kindReception kind = 3  // 2
	kindRecall    kind = 4  // 19,387: a month, with the hour of daylight saving that comes twice
	kindSummaries kind = 5  // 131,081 of 4,096 meters
	kindClose     kind = 6  // 65
	kindDay       kind = 7  // 55
	kindIntent    kind = 8  // 45
	kindPack      kind = 9  // 16,407 of 1,024 readings
	kindAdopt     kind = 10 // 65
	kindTerm      kind = 11 // 27 and the node's name
	kindHold      kind = 12 // 33
	kindContents  kind = 14 // 5, and 20 for each proposal
	kindWitness   kind = 15 // 17
	kindLevel     kind = 16 // 2
	kindFree      kind = 17 // 25
	kindUnder     kind = 18 // 25 before what needs the hold
	kindRestored  kind = 19 // 1 before what is put back
	kindBills     kind = 20 // 147,473 of 4,096 meters
	kindWriting   kind = 21 // 10

	kindArchivedDay kind = 22 // 63

	kindExchange   kind = 23 // 1,121
	kindTakenBack  kind = 24 // 13
	kindLimits     kind = 25 // 23
	kindCorrection kind = 26 // 231,621 of 10,000 readings
	kindRefusals   kind = 27 // 18,441 of 1,024 readings
	kindResolution kind = 28 // 1,623
	kindDialBills  kind = 29 // 468,892: of a meter all of whose exchanges lie in one month, and as many rollovers as readings
	kindRollover   kind = 30 // 64
	kindCredential kind = 31 // 41,686 of 10,000 meters
	kindRevoked    kind = 32 // 19
	kindUsed       kind = 33 // 10,251 of 1,024 credentials
	kindOwner      kind = 34 // 1,617

	kindSomeLimits kind = 35 // 24
	kindSummed     kind = 36 // 147,465 of 4,096 meters
)

// fact is an entry, decoded. Its effect is what it changes, and the verdict on it.
type fact interface {
	effect(s *Store) Verdict
}

// entryKind is what Apply has to know of a kind of entry.
type entryKind struct {
	decode    func(*decoder) fact
	needsHold bool // the entry has an effect only while a hold stands
}

// entryKinds lists all kinds but readings, packs and what wraps another entry: Apply
// reads those itself.
var entryKinds = map[kind]entryKind{
	kindAccount:   {factOf((*decoder).account), false},
	kindReception: {factOf((*decoder).reception), false},
	kindRecall:    {factOf((*decoder).recall), false},
	kindSummaries: {factOf((*decoder).summaries), true},
	kindSummed:    {factOf((*decoder).summed), true},
	kindClose:     {factOf((*decoder).closing), true},
	kindDay:       {factOf((*decoder).dayArchive), true},

	kindArchivedDay: {factOf((*decoder).archivedDay), true},
	kindIntent:      {factOf((*decoder).intent), true},
	kindAdopt:       {factOf((*decoder).adoption), true},
	kindTerm:        {factOf((*decoder).termFact), false},
	kindHold:        {factOf((*decoder).hold), false},
	kindContents:    {factOf((*decoder).contents), false},
	kindWitness:     {factOf((*decoder).witness), false},
	kindLevel:       {factOf((*decoder).level), false},
	kindFree:        {factOf((*decoder).release), false},
	kindBills:       {factOf((*decoder).bills), true},
	kindWriting:     {factOf((*decoder).writing), false},
	kindCorrection:  {factOf((*decoder).correction), false},
	kindExchange:    {factOf((*decoder).exchange), false},
	kindTakenBack:   {factOf((*decoder).takenBack), false},
	kindDialBills:   {factOf((*decoder).dialBills), true},
	kindLimits:      {factOf((*decoder).limitsFact), false},
	kindSomeLimits:  {factOf((*decoder).someLimits), false},
	kindRefusals:    {factOf((*decoder).refusals), false},
	kindResolution:  {factOf((*decoder).resolution), false},
	kindCredential:  {factOf((*decoder).credential), false},
	kindRevoked:     {factOf((*decoder).revocation), false},
	kindUsed:        {factOf((*decoder).uses), false},
	kindOwner:       {factOf((*decoder).owner), false},
}

func factOf[T fact](decode func(*decoder) T) func(*decoder) fact {
	return func(d *decoder) fact { return decode(d) }
}

// record is one sort of record of a state that is written down. A record is its kind,
// its version, and what encode and decode make of it.
type record struct {
	kind    uint8
	version uint8                       // that is written; decode knows those before it too
	encode  func(*stateEncoder, *state) // nil: it is not written any more
	decode  func(*StateDecoder)
}

// records lists the sorts in the order in which a state has them. Only begin has a
// version in a state of the first version.
var records = []record{
	{1, 2, encodeBegin, decodeBegin},
	{17, 1, encodeWriting, decodeWriting},
	{27, 1, encodeShared, decodeShared},
	{2, 1, encodeAccounts, decodeAccounts},
	{3, 1, encodeLatest, decodeLatest},
	{21, 1, encodeLives, decodeLives},
	{4, 2, encodeDays, decodeDay},
	{5, 1, encodeIntents, decodeIntent},
	{13, 1, encodeHold, decodeHold},
	{18, 1, encodeArrivalCount, decodeArrivalCount},
	{19, 1, encodeArrivals, decodeArrivals},
	{6, 2, encodeMonths, decodeMonth},
	{14, 1, encodeRecalled, decodeRecalled},
	{7, 2, encodeSummaries, decodeSummaries},
	{8, 1, nil, decodeFormer},
	{15, 2, encodeBills, decodeBills},
	{9, 2, encodePendingSummaries, decodePendingSummaries},
	{10, 1, nil, decodePendingFormer},
	{16, 2, encodePendingBills, decodePendingBills},
	{11, 2, encodeChunks, decodeChunk},
	{20, 1, encodeStrips, decodeStrips},
	{22, 1, encodeHistories, decodeHistories},
	{23, 1, encodeRefusals, decodeRefusals},
	{24, 1, encodeResolutions, decodeResolutions},
	{25, 1, encodeCredentials, decodeCredentials},
	{26, 1, encodeOwners, decodeOwners},
	{12, 1, encodeEnd, decodeEnd},
}

// Outcome is what Apply decided about an entry.
type Outcome uint8

// The outcomes.
const (
	Accepted     Outcome = iota
	Duplicate            // the same reading is recorded already
	Conflict             // the slot holds another register
	BelowEarlier         // the register is less than an earlier one
	AboveLater           // the register is more than a later one
	Archived             // the slot lies in a closed month whose rows of this meter must be recalled first
	MeterExists          // the id is registered already
	StaleRecall          // the month was archived again since its rows were read
	NotAdopted           // the file does not fit what is known
	Held                 // the slot is held back while its month is being archived
	NotReceiving         // reception is shut down
	Over                 // the hold that the entry names does not stand, or another one does

	BelowExchange    // the register is less than that with which its dial began
	AboveExchange    // the register is more than that with which its dial ended
	AtModulus        // the register is not below that at which its dial rolls over
	ExchangeConflict // another change is recorded for that instant
	NoChange         // there is no exchange at that instant
	NoReading        // there is no reading that it needs
	CredentialExists // its id or its hash is that of a credential that was issued before
	NoCredential     // there is no credential of that id
	LastOperator     // it would leave no credential of an operator that counts

	Diverged // its writer had come to other verdicts than this store
)

// Verdict is an outcome and, if it turned on another reading, that reading.
type Verdict struct {
	Outcome Outcome
	Other   meter.Point
}
