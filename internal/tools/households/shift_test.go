package households

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/shopspring/decimal"

	"meterledger/internal/meter"
)

func home(energies map[int]string) Household {
	h := Household{ID: "MAC000003"}
	for end := range 10 {
		if kwh, present := energies[end]; present {
			h.Intervals = append(h.Intervals, Interval{end, decimal.RequireFromString(kwh)})
		}
	}
	return h
}

func TestRegisterIsTheOpeningAndAllEnergySoFar(t *testing.T) {
	h := home(map[int]string{0: "3.1559999", 1: "0", 4: "0.001"})
	want := []Register{
		{0, decimal.RequireFromString("1003.1559999")},
		{1, decimal.RequireFromString("1003.1559999")},
		{4, decimal.RequireFromString("1003.1569999")},
	}
	if diff := cmp.Diff(want, h.Registers(decimal.NewFromInt(1000))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLastRegisterOfEveryHouseholdIsItsSum(t *testing.T) {
	homes, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	opening := decimal.RequireFromString("1000")
	for i, h := range homes {
		registers := h.Registers(opening)
		sum := registers[len(registers)-1].Value.Sub(opening).String()
		if want := documented(t)[i].Sum; sum != want || len(registers) != len(h.Intervals) {
			t.Errorf("%s: %d registers, the last %s kWh above the opening, want %d and %s",
				h.ID, len(registers), sum, len(h.Intervals), want)
		}
	}
}

func TestShiftAccountsForEveryRegister(t *testing.T) {
	registers := home(map[int]string{0: "0.5", 1: "0.0000000001", 2: "0.2499999999", 3: "1", 5: "1"}).Registers(decimal.Zero)
	s := Shift("m1", registers, 100, 103)
	want := []meter.Reading{
		{Meter: "m1", Slot: 100, Register: kwh(t, "0.5")},
		{Meter: "m1", Slot: 102, Register: kwh(t, "0.75")},
		{Meter: "m1", Slot: 103, Register: kwh(t, "1.75")},
	}
	if diff := cmp.Diff(want, s.Readings, cmp.Comparer(func(a, b meter.Register) bool { return a == b })); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
	if s.Later != 1 {
		t.Errorf("%d registers are later, want 1", s.Later)
	}
	if len(s.Refused) != 1 || s.Refused[0].Slot != 101 || s.Refused[0].Register.Value.String() != "0.5000000001" ||
		!strings.Contains(s.Refused[0].Reason.Error(), "9 digits after the point") {
		t.Errorf("refused: %+v, want slot 101 with its reason", s.Refused)
	}
}

func TestWholeSampleIsWithinTheRulesOfReadings(t *testing.T) {
	homes, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range homes {
		s := Shift(meter.ID(h.ID), h.Registers(decimal.NewFromInt(1000)), 1_000_000, 2_000_000)
		if len(s.Readings) != len(h.Intervals) || len(s.Refused) != 0 || s.Later != 0 {
			t.Errorf("%s: %d of %d intervals became readings, %d refused, %d later",
				h.ID, len(s.Readings), len(h.Intervals), len(s.Refused), s.Later)
		}
	}
}

func kwh(t *testing.T, s string) meter.Register {
	t.Helper()
	k, err := meter.ParseRegister(s)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
