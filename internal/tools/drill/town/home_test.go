package town

import (
	"slices"
	"testing"
	"time"

	"meterledger/internal/meter"
)

func TestAHomesRegisterRisesAndIsTheSameWhenAskedAgain(t *testing.T) {
	c, err := newCalendar(time.Date(2026, time.January, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for number := range 50 {
		h := newHome(number, c, fixed())
		last := meter.Register{}
		for n := range c.stamps {
			shown := h.reading(n)
			register, err := meter.ParseRegister(shown.Register)
			if err != nil {
				t.Fatalf("home %d shows %s: %v", number, shown.Register, err)
			}
			if again, wrong := h.reading(n), h.wrong(n); register.Cmp(last) < 0 || again != shown || wrong.Register == shown.Register {
				t.Fatalf("home %d shows %v after %v, then %v, and wrongly %v", number, register, last, again.Register, wrong.Register)
			}
			last = register
		}
	}
}

func TestEveryHalfHourIsSentOnceHoweverItIsChosen(t *testing.T) {
	c, err := newCalendar(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	h, chance := newHome(2, c, fixed()), fixed()
	var sent []int
	for !h.finished() {
		sent = append(sent, h.due(chance, 1+chance.IntN(9))...)
		sent = append(sent, h.late(chance, chance.IntN(3))...)
	}
	slices.Sort(sent)
	if distinct := slices.Compact(slices.Clone(sent)); len(distinct) != len(c.stamps) || len(sent) != len(c.stamps) {
		t.Errorf("of %d half hours %d were sent, %d times", len(c.stamps), len(distinct), len(sent))
	}
	if again := h.again(chance, 100); len(again) == 0 || len(again) > 100 {
		t.Errorf("%d are sent again", len(again))
	}
}

func TestTheCalendarHoldsThreeMonthsAndThisOne(t *testing.T) {
	c, err := newCalendar(time.Date(2026, time.January, 1, 16, 10, 0, 0, time.UTC)) // 00:10 on the 2nd in Singapore
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"2025-10", "2025-11", "2025-12"}; !slices.Equal(c.Months, want) {
		t.Errorf("months %v, want %v", c.Months, want)
	}
	if first, last := c.Span().From, c.Span().To; first != "2025-10-01T00:00:00" || last != "2026-01-02T00:00:00" || c.Open != "2026-01-01T00:00:00" {
		t.Errorf("from %s to %s, open since %s", first, last, c.Open)
	}
	if len(c.stamps) != (31+30+31+1)*48+1 {
		t.Errorf("%d half hours", len(c.stamps))
	}
}

func TestAnExchangeFitsBetweenItsReadings(t *testing.T) {
	c, err := newCalendar(time.Date(2026, time.January, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	for number := 3; number < 60; number += 3 {
		h := newHome(number, c, fixed())
		at, old, first := h.exchange()
		before, errBefore := meter.ParseRegister(h.wrong(h.swapped).Register) // it may be corrected to that
		after, errAfter := meter.ParseRegister(h.reading(h.swapped + 1).Register)
		if errBefore != nil || errAfter != nil || h.pace > 0 && before.Cmp(old) > 0 || first.Cmp(after) > 0 || old.Cmp(first) >= 0 {
			t.Errorf("home %d: at %s from %v to %v kWh, between %v and %v", number, at, old, first, before, after)
		}
		if stamps := c.stamps; at <= stamps[h.swapped] || at >= stamps[h.swapped+1] {
			t.Errorf("home %d: it is exchanged at %s, between %s and %s", number, at, stamps[h.swapped], stamps[h.swapped+1])
		}
	}
}
