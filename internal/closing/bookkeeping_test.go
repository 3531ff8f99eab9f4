package closing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

func TestTheLargestPartsFitIntoABatch(t *testing.T) {
	const batchBytesMax = 256 << 10 // the least that an order takes
	october := meter.Month{Year: 2026, Month: time.October}
	dialed := make([]store.BillOf, changesMax)
	for i := range dialed {
		dialed[i].Dials = meter.NewDials([]meter.Change{{Kind: meter.Exchange, Serial: strings.Repeat("😀", 64)}})
	}
	for what, payload := range map[string][]byte{
		"bills with dials": store.AppendBills(store.AppendUnder(nil, store.HoldID{}), october, time.Unix(0, 0), dialed),
		"summaries":        store.AppendSummaries(store.AppendUnder(nil, store.HoldID{}), october, make([]store.SummaryOf, partMax)),
		"bills":            store.AppendBills(store.AppendUnder(nil, store.HoldID{}), october, time.Unix(0, 0), make([]store.BillOf, partMax)),
	} {
		if len(payload) > batchBytesMax {
			t.Errorf("the %s of a commit take %d bytes", what, len(payload))
		}
	}
}

func TestBillsWithManyChangesGoThroughTheJournalInParts(t *testing.T) {
	var b bookkeeping
	for _, changes := range []int{300, 300, 1, 600, 2, 300} {
		b.put(store.BillOf{Figures: store.Figures{Dials: make(meter.Dials, changes)}})
	}
	var got [][]int
	for part := range b.parts {
		var changes []int
		for _, bill := range part {
			changes = append(changes, len(bill.Dials))
		}
		got = append(got, changes)
	}
	if want := "[[300 300] [1 600] [2 300]]"; fmt.Sprint(got) != want {
		t.Errorf("parts of %v changes, want %s", got, want)
	}
}
