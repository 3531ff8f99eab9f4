package store

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"meterledger/internal/meter"
)

// longestEntries are the longest of each kind that the program writes. The rooms that write
// them test how many stand in one.
func longestEntries() map[kind][]byte {
	const months, rows = 4096, 1024
	text, at := strings.Repeat("😀", meter.TextLengthMax), time.Unix(0, 0)
	change := meter.Change{Kind: meter.Exchange, Serial: strings.Repeat("😀", 64), By: text}
	archive := MonthArchive{Month: september}
	h := Hold{HoldID{}, NoWindow}
	var far []Reading
	for range rows {
		far = append(far, Reading{Index(len(far) << 22), meter.Slot(len(far) << 17), reading(0, int64(len(far))<<47).Register})
	}
	edits := make([]Edit, 10_000)
	c := meter.Credential{ID: testCredential(0).ID, Label: text, By: text}
	return map[kind][]byte{
		kindAccount:     AppendAccount(nil, meter.Account{ID: meter.ID(strings.Repeat("m", meter.IDLengthMax)), OwnerName: text, Address: text}),
		kindReading:     AppendReading(nil, Reading{}),
		kindReception:   AppendReception(nil, true),
		kindRecall:      AppendRecall(nil, september, 1, 0, make([]meter.Point, 31*48+2)),
		kindSummaries:   AppendSummaries(nil, september, make([]SummaryOf, months)),
		kindSummed:      AppendSummed(nil, september, make([]SummaryOf, months)),
		kindClose:       AppendClose(nil, archive),
		kindDay:         appendArchive(appendDay([]byte{byte(kindDay)}, meter.Day{}), Archive{}),
		kindIntent:      AppendIntent(nil, meter.Day{Year: 2026, Month: 11, Day: 26}.Period(), [32]byte{}),
		kindPack:        AppendReadings(nil, far, false),
		kindAdopt:       AppendAdopt(nil, archive),
		kindTerm:        AppendTerm(nil, Alone, at),
		kindHold:        AppendHold(nil, h),
		kindContents:    AppendContents(nil, nil),
		kindWitness:     AppendWitness(nil, 0, 0),
		kindLevel:       AppendLevel(nil, LevelNewest),
		kindFree:        AppendFree(nil, h.ID),
		kindUnder:       AppendUnder(nil, h.ID),
		kindRestored:    {byte(kindRestored)},
		kindBills:       AppendBills(nil, september, at, make([]BillOf, months)),
		kindWriting:     AppendWriting(nil, at, false),
		kindArchivedDay: AppendDay(nil, DayArchive{}),
		kindExchange:    AppendExchange(nil, 0, change, false),
		kindTakenBack:   AppendTakenBack(nil, 0, 0),
		kindLimits:      AppendLimits(nil, 0, meter.Limits{}),
		kindSomeLimits:  AppendSomeLimits(nil, 0, meter.SomeLimits{}),
		kindCorrection:  AppendCorrection(nil, &Correction{Note: Note{at, text, text}, Edits: edits}),
		kindRefusals:    AppendRefusals(nil, 0, make([]Refusal, rows)),
		kindResolution:  AppendResolution(nil, Resolution{At: at, Reason: text, By: text}),
		kindDialBills:   longestDialBills(change),
		kindRollover:    AppendRestoredRollover(nil, 0, meter.Change{Kind: meter.Rollover})[1:],
		kindCredential:  AppendCredential(nil, c, make([]Index, CredentialMetersMax)),
		kindRevoked:     AppendRevoked(nil, c.ID, at),
		kindUsed:        AppendUsed(nil, meter.Day{}, slices.Repeat([]string{c.ID}, CredentialsUsedMax)),
		kindOwner:       AppendOwner(nil, 0, 0, text, text),
	}
}

// longestDialBills are bills with as many changes as make a part, but one, and then the bill of a
// meter with all that it can have: 300 exchanges and 512 that are put back together, and as many
// rollovers as the month has readings.
func longestDialBills(exchange meter.Change) []byte {
	bill := func(exchanges, rollovers int) BillOf {
		all := append(slices.Repeat([]meter.Change{exchange}, exchanges), slices.Repeat([]meter.Change{{Kind: meter.Rollover}}, rollovers)...)
		return BillOf{Figures: Figures{Dials: meter.NewDials(all)}}
	}
	return AppendBills(nil, september, time.Unix(0, 0), append(slices.Repeat([]BillOf{bill(1, 0)}, 511), bill(300+512, 31*48+2)))
}

func TestTheLongestEntriesAreAsLongAsIsSaid(t *testing.T) {
	source, err := os.ReadFile("facts.go")
	if err != nil {
		t.Fatal(err)
	}
	said := make(map[kind]int)
	for _, line := range regexp.MustCompile(`kind = (\d+)\s+// ([\d,]+)`).FindAllStringSubmatch(string(source), -1) {
		k, _ := strconv.Atoi(line[1])
		said[kind(k)], _ = strconv.Atoi(strings.ReplaceAll(line[2], ",", ""))
	}
	longest := longestEntries()
	for k, entry := range longest {
		if len(entry) != said[k] {
			t.Errorf("of kind %d the longest takes %d bytes, and %d are said", k, len(entry), said[k])
		}
	}
	for k := range entryKinds {
		if longest[k] == nil {
			t.Errorf("of kind %d there is no size", k)
		}
	}
}
