package store

import (
	"testing"

	"meterledger/internal/meter"
)

// twoMonthsClosed has a meter whose readings of September and October are in archives only, but
// for one in November.
func twoMonthsClosed(t *testing.T) (s *Store, october meter.Window) {
	t.Helper()
	s = septemberClosed(t)
	month := meter.Month{Year: september.Year, Month: september.Month + 1}
	october = windowOf(month)
	hold := Hold{HoldID{Alone.Number, 7, 2}, october.Rows()}
	last := meter.Point{Slot: october.To, Register: reading(0, 3000).Register}
	b := AppendReading(nil, Reading{Slot: last.Slot, Register: last.Register})
	b = AppendHold(b, hold)
	first := meter.Point{Slot: closedTo, Register: reading(0, 2100).Register}
	b = AppendSummaries(AppendUnder(b, hold.ID), month, []SummaryOf{{0, Summary{Count: 3, First: first, Last: last}}})
	b = AppendClose(AppendUnder(b, hold.ID), MonthArchive{Month: month, Window: october, Revision: 1})
	for _, v := range mustApply(t, s, AppendFree(b, hold.ID)) {
		if v.Outcome != Accepted {
			t.Fatalf("an entry came to %v", v)
		}
	}
	return s, october
}

// TestANeighbourIsLookedForInTheArchiveOfItsMonth asks at the register with which a month ends: it
// stands in the summaries of both months.
func TestANeighbourIsLookedForInTheArchiveOfItsMonth(t *testing.T) {
	s, october := twoMonthsClosed(t)
	for name, tt := range map[string]struct {
		near Neighbour
		want meter.Slot // the first of the month whose archive may hold it
	}{
		"after the first of September":  {s.After(0, closedFrom), closedFrom},
		"before the end of September":   {s.Before(0, closedTo), closedFrom},
		"after the end of September":    {s.After(0, closedTo), closedTo},
		"before the second of October":  {s.Before(0, closedTo+1), closedTo},
		"before the end of October":     {s.Before(0, october.To), closedTo},
		"after the end of October":      {s.After(0, october.To), 0},
		"before the first of September": {s.Before(0, closedFrom), 0},
	} {
		var got meter.Slot
		if tt.near.Archive != nil {
			got = tt.near.Archive.Window.From
		}
		if got != tt.want {
			t.Errorf("%s is looked for in the archive of the month of slot %d, want %d", name, got, tt.want)
		}
	}
}
