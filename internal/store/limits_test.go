package store

import (
	"errors"
	"testing"

	"meterledger/internal/meter"
)

func TestAChangeOfSomeLimitsLeavesTheOthers(t *testing.T) {
	s := New()
	mustApply(t, s, AppendReading(AppendAccount(AppendLevel(nil, LevelNewest), account), reading(closedFrom, 50_000)))
	kWh := func(milli int64) *meter.Register { return new(reading(0, milli).Register) }
	kW := func(milli int64) *meter.Power { return new(meter.Power(reading(0, milli).Register)) }
	for _, step := range []struct {
		some    meter.SomeLimits
		want    meter.Limits
		verdict Verdict
	}{
		{meter.SomeLimits{RollsOverAt: kWh(100_000)}, meter.Limits{RollsOverAt: *kWh(100_000)}, Verdict{}},
		{meter.SomeLimits{MaxKW: kW(5000)}, meter.Limits{RollsOverAt: *kWh(100_000), MaxKW: *kW(5000)}, Verdict{}},
		{meter.SomeLimits{RollsOverAt: kWh(200_000)}, meter.Limits{RollsOverAt: *kWh(200_000), MaxKW: *kW(5000)}, Verdict{}},
		{meter.SomeLimits{MaxKW: kW(5000)}, meter.Limits{RollsOverAt: *kWh(200_000), MaxKW: *kW(5000)}, Verdict{Outcome: Duplicate}},
		{meter.SomeLimits{}, meter.Limits{RollsOverAt: *kWh(200_000), MaxKW: *kW(5000)}, Verdict{Outcome: Duplicate}},
		{meter.SomeLimits{RollsOverAt: kWh(50_000), MaxKW: kW(1)}, meter.Limits{RollsOverAt: *kWh(200_000), MaxKW: *kW(5000)}, Verdict{AtModulus, meter.Point{Slot: closedFrom, Register: *kWh(50_000)}}},
		{meter.SomeLimits{RollsOverAt: kWh(0)}, meter.Limits{MaxKW: *kW(5000)}, Verdict{}},
		{meter.SomeLimits{MaxKW: kW(0)}, meter.Limits{}, Verdict{}},
	} {
		wantVerdict(t, s, AppendSomeLimits(nil, 0, step.some), step.verdict)
		if _, got := s.Life(0); got != step.want {
			t.Errorf("after %+v the limits are %+v, want %+v", step.some, got, step.want)
		}
	}
	if _, err := s.Check([]byte{byte(kindSomeLimits), 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false); !errors.Is(err, ErrNewer) {
		t.Errorf("a limit that nobody knows: %v", err)
	}
}

// TestLimitsThatAreRestoredTakeThePlaceOfNoOthers is what a check before the journal cannot make sure of: another
// node may set others meanwhile.
func TestLimitsThatAreRestoredTakeThePlaceOfNoOthers(t *testing.T) {
	s := New()
	mustApply(t, s, AppendAccount(nil, account))
	some := func(milli int64) meter.Limits { return meter.Limits{RollsOverAt: reading(0, milli).Register} }
	for _, step := range []struct {
		entry   []byte
		verdict Verdict
		want    meter.Limits
	}{
		{AppendRestoredLimits(nil, 0, some(1000)), Verdict{}, some(1000)},
		{AppendRestoredLimits(nil, 0, some(2000)), Verdict{}, some(2000)}, // as programs of before did
		{AppendLevel(nil, LevelFields), Verdict{}, some(2000)},
		{AppendRestoredLimits(nil, 0, some(1000)), Verdict{Outcome: ExchangeConflict}, some(2000)},
		{AppendRestoredLimits(nil, 0, some(2000)), Verdict{Outcome: Duplicate}, some(2000)},
		{AppendLimits(nil, 0, meter.Limits{}), Verdict{}, meter.Limits{}},
		{AppendRestoredLimits(nil, 0, some(1000)), Verdict{}, some(1000)},
	} {
		wantVerdict(t, s, step.entry, step.verdict)
		if _, got := s.Life(0); got != step.want {
			t.Errorf("the limits are %+v, want %+v", got, step.want)
		}
	}
}
