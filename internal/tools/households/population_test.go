package households

import (
	"testing"

	"meterledger/internal/meter"
)

func population(t testing.TB, count int) (*Population, *meter.Zone) {
	t.Helper()
	homes, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	zone, err := meter.LoadZone("Asia/Singapore")
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPopulation("fleet-", count, zone, homes)
	if err != nil {
		t.Fatal(err)
	}
	return p, zone
}

func TestEveryMeterOfAPopulationRises(t *testing.T) {
	p, _ := population(t, 40)
	const year = 365 * meter.SlotsPerDay
	for i := range p.Len() {
		last := p.Register(i, p.Since())
		for slot := p.Since(); slot < p.Since()+year; slot++ {
			register := p.Register(i, slot)
			if register.Cmp(last) < 0 {
				t.Fatalf("meter %s falls from %s to %s", p.ID(i), last, register)
			}
			last = register
		}
		if last.Cmp(meter.Register{}) == 0 {
			t.Errorf("meter %s used nothing in a year", p.ID(i))
		}
	}
}

func TestPopulationUsesWhatItsHouseholdsUsed(t *testing.T) {
	p, _ := population(t, 24)
	homes, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Len() {
		h := homes[i%len(homes)]
		whole := p.Register(i, p.Since()+meter.Slot(len(h.Intervals)))
		want := h.Registers(meter.Register{}.Decimal())[len(h.Intervals)-1].Value.Round(whDecimals)
		if !whole.Decimal().Equal(want) {
			t.Errorf("meter %s shows %s after the sample's %d half hours, its household used %s", p.ID(i), whole, len(h.Intervals), want)
		}
	}
}

func TestMetersOfOneHouseholdDoNotMoveInStep(t *testing.T) {
	p, _ := population(t, 24)
	const hundredDays = 100 * meter.SlotsPerDay
	for i := range 12 {
		differ := false
		for slot := p.Since(); slot < p.Since()+hundredDays; slot++ {
			differ = differ || p.Register(i, slot) != p.Register(i+12, slot)
		}
		if !differ {
			t.Errorf("meters %s and %s show the same registers all the time", p.ID(i), p.ID(i+12))
		}
	}
}

func TestIDsOfAPopulationSortByNumber(t *testing.T) {
	p, zone := population(t, 3)
	numbers := []int{0, 9, 10, 999_999, 1_000_000, 9_999_999}
	for i, n := range numbers[1:] {
		if before, id := p.ID(numbers[i]), p.ID(n); id <= before || len(id) != len("fleet-0000000") {
			t.Errorf("meter %d is %s, meter %d is %s", numbers[i], before, n, id)
		}
	}
	if _, err := NewPopulation("-fleet", 3, zone, nil); err == nil {
		t.Error("ids that begin with a dash were taken")
	}
}
