package meter_test

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

func readEvents(t rapid.TB, z *meter.Zone, text string) (events []meter.Event, faults []string) {
	t.Helper()
	in, err := meter.NewEventReader(strings.NewReader(text), z)
	if err != nil {
		t.Fatal(err)
	}
	for {
		e, err := in.Next()
		if errors.Is(err, io.EOF) {
			return events, faults
		}
		if fault := meter.RowFault(err, meter.CodeInvalidParameter); fault != nil {
			faults = append(faults, fault.Detail)
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
}

func writeEvents(t rapid.TB, z *meter.Zone, events []meter.Event) string {
	t.Helper()
	var text strings.Builder
	out := meter.NewEventWriter(&text, z)
	for _, e := range events {
		out.Write(e)
	}
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func register(t testing.TB, text string) meter.Register {
	t.Helper()
	k, err := meter.ParseRegister(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestEventsAreWrittenAsPeopleReadThem(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	at := func(text string) meter.Instant { return z.Instant(instant(t, text)) }
	entered := time.Unix(instant(t, "2026-11-23T03:04:05Z").Unix(), 0)
	events := []meter.Event{
		meter.EventOfLimits("A", meter.Limits{RollsOverAt: register(t, "838.8607"), MaxKW: meter.Power(register(t, "0.5"))}),
		meter.EventOfChange("A", meter.Change{
			At: at("2026-11-20T02:17:09Z"), Kind: meter.Exchange, Old: register(t, "5123.4"), New: register(t, "0.2"),
			Serial: `№ 7, "blue"`, Modulus: register(t, "100000"), By: "Tan", EnteredAt: entered, Placed: meter.PlacedOver,
		}),
		meter.EventOfChange("A", meter.Change{
			At: at("2026-11-20T16:00:00Z"), Kind: meter.Reset, Old: register(t, "1"), IsEstimated: true, EnteredAt: entered,
		}),
		meter.EventOfChange("A", meter.Change{At: at("2026-11-21T16:00:00Z"), Kind: meter.Rollover, Old: register(t, "838.8607")}),
		{Meter: "A", Kind: meter.EventCorrection, At: at("2026-11-21T16:30:00Z"), Old: register(t, "4370.477"), New: register(t, "0"), EnteredAt: entered, Reason: "a glitch"},
		{Meter: "A", Kind: meter.EventWithdrawal, At: at("2026-11-21T16:30:00Z"), Old: register(t, "0"), EnteredAt: entered, By: "Lim", Reason: " never sent"},
		meter.EventOfLimits("B", meter.Limits{}),
	}
	want := meter.EventHeader + `
A,,limits,,,,,,838.8607,0.5,,,
A,2026-11-20T10:17:09,exchange,5123.4,0.2,,over,"№ 7, ""blue""",100000,,2026-11-23T11:04:05,Tan,
A,2026-11-21T00:00:00,reset,1,0,0,,,,,2026-11-23T11:04:05,,
A,2026-11-22T00:00:00,rollover,838.8607,0,,,,,,,,
A,2026-11-22T00:30:00,correction,4370.477,0,,,,,,2026-11-23T11:04:05,,a glitch
A,2026-11-22T00:30:00,withdrawal,0,,,,,,,2026-11-23T11:04:05,Lim," never sent"
B,,limits,,,,,,,,,,
`
	text := writeEvents(t, z, events)
	if text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if got, faults := readEvents(t, z, text); !slices.Equal(got, events) || len(faults) > 0 {
		t.Errorf("got\n%+v\nwant\n%+v\nrefused %q", got, events, faults)
	}
	if !slices.IsSortedFunc(events, meter.Event.Compare) {
		t.Error("they are not in the order of the file")
	}
}

func TestAnEventThatCannotBeReadNamesItsCellAndTheNextIsRead(t *testing.T) {
	z := loadZone(t, "Asia/Singapore")
	for row, want := range map[string]string{
		"-,2026-11-20T10:17:09,exchange,1,2,,,,,,,,":                                "meter_id",
		"A,2026-11-20T10:17:09,swap,1,2,,,,,,,,":                                    "kind",
		"A,2026-11-20T10:17:09,,1,2,,,,,,,,":                                        "kind",
		"A,,exchange,1,2,,,,,,,,":                                                   "at must not be empty",
		"A,2026-11-20T10:17:09.5,exchange,1,2,,,,,,,,":                              "at must be a whole second",
		"A,1999-11-20T10:17:09,exchange,1,2,,,,,,,,":                                "at",
		"A,2026-11-20T10:17:09,exchange,,2,,,,,,,,":                                 "old_reading must not be empty",
		"A,2026-11-20T10:17:09,exchange,1e-20,2,,,,,,,,":                            "old_reading",
		"A,2026-11-20T10:17:09,exchange,1,-2,,,,,,,,":                               "new_reading",
		"A,2026-11-20T10:17:09,exchange,1,2,x,,,,,,,":                               "estimated_kwh",
		"A,2026-11-20T10:17:09,exchange,1,2,,under,,,,,,":                           "placed",
		"A,2026-11-20T10:17:09,exchange,1,2,,,,,60,,,":                              "max_kw must be empty",
		"A,2026-11-20T10:17:09,exchange,1,2,,,,,,,,why":                             "reason must be empty",
		"A,2026-11-20T10:17:09,exchange,1,2,,,a\x00b,,,,,":                          "new_serial",
		"A,2026-11-20T10:17:09,exchange,1,2,,,,,,,a\xffb,":                          "by",
		"A,2026-11-20T10:17:09,exchange,1,2,,,,,,,":                                 "row cannot be parsed",
		"A,2026-11-20T10:17:09,exchange,1,2,,,,\",,,,":                              "row cannot be parsed",
		"A,2026-11-20T10:17:09,rollover,1,0,,,,9,,,,":                               "rolls_over_at must be empty",
		"A,2026-11-20T10:17:09,limits,,,,,,,,,,":                                    "at must be empty",
		"A,,limits,1,,,,,,,,,":                                                      "old_reading must be empty",
		"A,2026-11-20T10:17:00,correction,1,2,,,,,,2026-11-20T10:17:09,,why":        "at must lie on",
		"A,2026-11-20T10:30:00,correction,1,,,,,,,2026-11-20T10:17:09,,why":         "new_reading must not be empty",
		"A,2026-11-20T10:30:00,correction,1,2,,,,,,2026-11-20T10:17:09,,":           "reason must not be empty",
		"A,2026-11-20T10:30:00,correction,1,2,,,,,,,,why":                           "entered_at must not be empty",
		"A,2026-11-20T10:30:00,withdrawal,1,2,,,,,,2026-11-20T10:17:09,,why":        "new_reading must be empty",
		"A,2026-11-20T10:30:00,withdrawal,1,,,,,,,2026-11-20T10:17:09,,\u2028\x85y": "reason",
	} {
		events, faults := readEvents(t, z, meter.EventHeader+"\n"+row+"\r\n\nB,,limits,,,,,,,,,,")
		if len(events) != 1 || events[0].Meter != "B" || len(faults) != 1 || !strings.HasPrefix(faults[0], want) {
			t.Errorf("%s\nread %+v\nrefused %q, want %s", row, events, faults, want)
		}
	}
}

func TestAFileOfEventsWithAnotherHeaderIsRefusedAsAWhole(t *testing.T) {
	for _, header := range []string{"", "meter_id,at,kind", meter.EventHeader + ",tariff", meter.RowHeader} {
		if _, err := meter.NewEventReader(strings.NewReader(header+"\nA,,limits,,,,,,,,,,\n"), loadZone(t, "Asia/Singapore")); !errors.Is(err, meter.ErrRowSyntax) {
			t.Errorf("%q: %v", header, err)
		}
	}
}

// drawEvent draws any event that a meter can have. Its texts come from outside.
func drawEvent(t *rapid.T, z *meter.Zone) meter.Event {
	draw := func(name string) meter.Register {
		k, ok := meter.RegisterFromParts(rapid.Int64Range(0, 999_999_999_999_999_999).Draw(t, name), rapid.Uint8Range(0, 9).Draw(t, "scale"))
		if !ok {
			t.Fatal("a drawn register is outside the limits")
		}
		return k
	}
	text := func(name string) string {
		s := rapid.String().Draw(t, name)
		if !meter.ValidText(s) {
			return ""
		}
		return s
	}
	seconds := rapid.Int64Range(978_307_200, 4_102_444_800) // 2001 to 2100
	at, entered := z.Instant(time.Unix(seconds.Draw(t, "at"), 0)), time.Unix(seconds.Draw(t, "entered"), 0)
	slot, _ := at.Slot()
	id := meter.ID(rapid.StringMatching(`[A-Za-z0-9][A-Za-z0-9._-]{0,5}`).Draw(t, "id"))
	switch kind := rapid.SampledFrom([]meter.EventKind{meter.EventLimits, meter.EventExchange, meter.EventReset, meter.EventRollover, meter.EventCorrection, meter.EventWithdrawal}).Draw(t, "kind"); kind {
	case meter.EventLimits:
		return meter.EventOfLimits(id, meter.Limits{RollsOverAt: draw("rolls over at"), MaxKW: meter.Power(draw("max kW"))})
	case meter.EventRollover:
		return meter.EventOfChange(id, meter.Change{At: slot.Instant(), Kind: meter.Rollover, Old: draw("modulus")})
	case meter.EventCorrection, meter.EventWithdrawal:
		e := meter.Event{Meter: id, Kind: kind, At: slot.Instant(), Old: draw("old"), EnteredAt: entered, By: text("by"), Reason: text("reason") + "."}
		if kind == meter.EventCorrection {
			e.New = draw("new")
		}
		if !meter.ValidText(e.Reason) {
			e.Reason = "."
		}
		return e
	default:
		e := meter.Event{
			Meter: id, Kind: kind, At: at, Old: draw("old"), New: draw("new"), Serial: text("serial"), RollsOverAt: draw("modulus"),
			Placed: meter.Placing(rapid.Uint8Range(0, 2).Draw(t, "placed")), EnteredAt: entered, By: text("by"),
		}
		if e.IsEstimated = rapid.Bool().Draw(t, "is estimated"); e.IsEstimated {
			e.Estimated = draw("estimated")
		}
		return meter.EventOfChange(id, e.Change())
	}
}

func checkEventsComeBack(t *rapid.T) {
	z, err := meter.LoadZone(rapid.SampledFrom(stampZones).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	var want []meter.Event
	for range rapid.IntRange(0, 5).Draw(t, "events") {
		want = append(want, drawEvent(t, z))
	}
	text := writeEvents(t, z, want)
	got, faults := readEvents(t, z, text)
	if !slices.Equal(got, want) || len(faults) > 0 {
		t.Fatalf("\n got %+v\nwant %+v\nrefused %q of\n%s", got, want, faults, text)
	}
}

func TestEveryEventComesBackExactly(t *testing.T) { rapid.Check(t, checkEventsComeBack) }

func FuzzEventsComeBack(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkEventsComeBack)) }

// FuzzEvents holds what can be read of any text against what is written of it.
func FuzzEvents(f *testing.F) {
	z := loadZone(f, "Europe/London")
	f.Add("A,2026-10-25T01:30:00+01:00,exchange,1,2,,,x,,,2026-11-23T11:04:05,y,")
	f.Add("A,2026-10-25T01:30:00Z,correction,1,2,,,,,,2026-11-23T11:04:05,,\"a \"\"b\"\"\"")
	f.Fuzz(func(t *testing.T, rows string) {
		read, _ := readEvents(t, z, meter.EventHeader+"\n"+rows)
		if again, faults := readEvents(t, z, writeEvents(t, z, read)); !slices.Equal(again, read) || len(faults) > 0 {
			t.Errorf("%+v comes back as %+v, refused %q", read, again, faults)
		}
	})
}
