package meter_test

import (
	"testing"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// stampOf returns the timestamp of a slot as a calendar writes it.
func stampOf(calendar *meter.Calendar, slot meter.Slot) string {
	text, ok := calendar.Text(slot)
	if !ok {
		text = calendar.TurnTo(slot)
	}
	b := make([]byte, 32)
	return string(b[:text.Put(b)])
}

func TestStampsAreWrittenAsTheZoneWritesThem(t *testing.T) {
	for _, name := range append([]string{"Pacific/Apia", "America/St_Johns", "Asia/Pyongyang"}, zoneNames...) {
		z := loadZone(t, name)
		t.Run(name, func(t *testing.T) {
			slots := slotsOfYears(t, z, 2000, 2099)
			rapid.Check(t, func(t *rapid.T) {
				calendar := meter.NewCalendar(z)
				slot := slots.Draw(t, "first")
				for _, step := range rapid.SliceOfN(rapid.IntRange(-100, 100), 1, 100).Draw(t, "steps") {
					if got, want := stampOf(&calendar, slot), z.Stamp(slot); got != want {
						t.Fatalf("slot %d is written as %s, want %s", slot, got, want)
					}
					slot += meter.Slot(step)
				}
			})
		})
	}
}

func TestStampsOfEveryHalfHourOfYearsWithClockChanges(t *testing.T) {
	for name, year := range map[string]int{
		"Pacific/Apia": 2011, "America/St_Johns": 2010, "Asia/Pyongyang": 2015, "America/Sao_Paulo": 2018,
		"Europe/London": 2026, "Australia/Lord_Howe": 2026, "America/Caracas": 2016,
	} {
		z := loadZone(t, name)
		year := meter.Window{From: z.DayStart(meter.Day{Year: year, Month: 1, Day: 1}), To: z.DayStart(meter.Day{Year: year + 1, Month: 1, Day: 1})}
		calendar := meter.NewCalendar(z)
		for slot := year.From; slot <= year.To; slot++ {
			if got, want := stampOf(&calendar, slot), z.Stamp(slot); got != want {
				t.Fatalf("%s: slot %d is written as %s, want %s", name, slot, got, want)
			}
		}
	}
}
