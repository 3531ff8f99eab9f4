package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func TestPagesOfASearchAreWhatANaiveOneFinds(t *testing.T) {
	s := New()
	var batch []byte
	ids := make([]string, 2*silentTogether+3)
	for i := range ids {
		ids[i] = fmt.Sprintf("m%d", 7*i%len(ids)) // in no order; 7 divides no number of them
		batch = AppendAccount(batch, meter.Account{ID: meter.ID(ids[i]), OwnerName: "Tan", Address: "Road"})
		if i%3 != 0 {
			batch = AppendReadings(batch, []Reading{{Meter: Index(i), Slot: meter.Slot(1000 + i%50)}}, false)
		}
	}
	mustApply(t, s, batch)
	rapid.Check(t, func(t *rapid.T) {
		by := Search{
			Begins: meter.ID(rapid.SampledFrom([]string{"", "m", "m1", "m12", "m123", "m4000", "M", "n"}).Draw(t, "begins")),
			Last:   meter.Slot(rapid.SampledFrom([]int{0, 1000, 1010, 1049}).Draw(t, "last")),
		}
		var want []Index
		for i, id := range ids {
			if strings.HasPrefix(id, string(by.Begins)) && id != string(by.Begins) && s.Latest(Index(i)).Slot <= by.Last {
				want = append(want, Index(i))
			}
		}
		limit := rapid.SampledFrom([]int{1, 7, 500, silentTogether, len(ids) - 1, len(ids)}).Draw(t, "limit")
		if len(want) > 200*limit {
			want = want[:200*limit]
		}
		var got []Index
		for from, more := Index(0), true; more && len(got) < len(want); {
			var page []Index
			page, from, more = s.Find(from, by, limit)
			if got = append(got, page...); len(page) > limit || more && len(page) < limit || more && len(got) < len(want) && from != want[len(got)] {
				t.Fatalf("a page of %d has %d meters; the next, which is there: %v, begins with %d", limit, len(page), more, from)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%+v: found %d, want %d", by, len(got), len(want))
		}
	})
}
