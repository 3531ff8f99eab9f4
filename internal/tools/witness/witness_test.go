package witness_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"meterledger/internal/meter"
	"meterledger/internal/tools/witness"
)

var year = witness.Span{From: "2026-01-01T00:00:00", To: "2026-12-31T23:30:00"}

const (
	ten     = "2026-11-20T10:00:00"
	halfTen = "2026-11-20T10:30:00"
	eleven  = "2026-11-20T11:00:00"
	noon    = "2026-11-20T12:00:00"
)

func of(stamp, register string) witness.Reading {
	return witness.Reading{Meter: "A", Stamp: stamp, Register: register}
}

// told returns a log in which 10:00 was acknowledged, 10:30 was not answered, 11:00
// was refused, and 12:00 was never sent.
func told() *witness.Log {
	l := witness.New()
	for _, r := range []witness.Reading{of(ten, "5.25"), of(halfTen, "6"), of(eleven, "7")} {
		l.Send(r)
	}
	l.Acknowledge(of(ten, "5.25"))
	l.Refuse(of(eleven, "7"))
	return l
}

func TestEveryDifferenceIsFoundAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		name  string
		found []witness.Reading
		want  []witness.Violation
	}{
		{"all that may be there", []witness.Reading{of(ten, "5.25"), of(halfTen, "6")}, nil},
		{"the unanswered one is not there", []witness.Reading{of(ten, "5.25")}, nil},
		{"zeros at the end may go or come", []witness.Reading{of(ten, "5.2500"), of(halfTen, "6.0")}, nil},
		{"lost", []witness.Reading{of(halfTen, "6")}, []witness.Violation{{witness.Lost, "A", ten, "5.25", ""}}},
		{"all lost", nil, []witness.Violation{{witness.Lost, "A", ten, "5.25", ""}}},
		{
			"altered in the last digit",
			[]witness.Reading{of(ten, "5.26")},
			[]witness.Violation{{witness.Altered, "A", ten, "5.25", "5.26"}},
		},
		{
			"altered by a float",
			[]witness.Reading{of(ten, "5.2500000000000001")},
			[]witness.Violation{{witness.Altered, "A", ten, "5.25", "5.2500000000000001"}},
		},
		{
			"an unanswered one that is there in part",
			[]witness.Reading{of(ten, "5.25"), of(halfTen, "")},
			[]witness.Violation{{witness.Altered, "A", halfTen, "6", ""}},
		},
		{
			"invented",
			[]witness.Reading{of(ten, "5.25"), of(noon, "9")},
			[]witness.Violation{{witness.Invented, "A", noon, "", "9"}},
		},
		{
			"taken though it was refused",
			[]witness.Reading{of(ten, "5.25"), of(eleven, "7")},
			[]witness.Violation{{witness.Invented, "A", eleven, "", "7"}},
		},
		{
			"doubled",
			[]witness.Reading{of(ten, "5.25"), of(ten, "5.25")},
			[]witness.Violation{{witness.Doubled, "A", ten, "", "5.25"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told().Compare("A", year, c.found)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadingsOfAMeterThatNobodyUsedAreInvented(t *testing.T) {
	found := []witness.Reading{{Meter: "B", Stamp: ten, Register: "1"}}
	want := []witness.Violation{{witness.Invented, "B", ten, "", "1"}}
	if diff := cmp.Diff(want, told().Compare("B", year, found)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestAnUnansweredReadingThatWasSeenMustStay(t *testing.T) {
	l := told()
	l.Compare("A", year, []witness.Reading{of(ten, "5.25"), of(halfTen, "6")})
	want := []witness.Violation{{witness.Lost, "A", halfTen, "6", ""}}
	if diff := cmp.Diff(want, l.Compare("A", year, []witness.Reading{of(ten, "5.25")})); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestAnUnansweredReadingThatWasMissedMayNotComeByItself(t *testing.T) {
	l := told()
	l.Compare("A", year, []witness.Reading{of(ten, "5.25")})
	later := []witness.Reading{of(ten, "5.25"), of(halfTen, "6")}
	want := []witness.Violation{{witness.Invented, "A", halfTen, "", "6"}}
	if diff := cmp.Diff(want, l.Compare("A", year, later)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	l.Send(of(halfTen, "6")) // unless it is sent again
	if wrong := l.Compare("A", year, later); wrong != nil {
		t.Error(wrong)
	}
}

func TestCheckingACopySettlesNothing(t *testing.T) {
	l := told()
	l.Check("A", year, []witness.Reading{of(ten, "5.25")})
	if wrong := l.Compare("A", year, []witness.Reading{of(ten, "5.25"), of(halfTen, "6")}); wrong != nil {
		t.Error(wrong)
	}
}

func TestOnlyTheSpanIsCompared(t *testing.T) {
	from := witness.Span{From: halfTen, To: noon}
	if wrong := told().Compare("A", from, nil); wrong != nil {
		t.Error(wrong)
	}
	want := []witness.Violation{{witness.Invented, "A", ten, "", "5.25"}}
	if diff := cmp.Diff(want, told().Compare("A", from, []witness.Reading{of(ten, "5.25")})); diff != "" {
		t.Errorf("a row outside the span (-want +got):\n%s", diff)
	}
}

func TestARetryThatWasRefusedLeavesTheFirstOneOpen(t *testing.T) {
	l := told()
	l.Send(of(halfTen, "6"))
	l.Refuse(of(halfTen, "6"))
	if n := l.Counts(); n != (witness.Counts{Told: 1, Unanswered: 1}) {
		t.Errorf("counts %+v", n)
	}
}

func TestTheLogCountsWhatItHolds(t *testing.T) {
	l := told()
	if n := l.Counts(); n != (witness.Counts{Told: 1, Unanswered: 1}) {
		t.Errorf("counts %+v", n)
	}
	if !l.Told(of(ten, "5.25")) || l.Told(of(halfTen, "6")) || l.Told(of(noon, "9")) {
		t.Error("what was told is not what was acknowledged")
	}
}

func TestEveryDifferenceOfAnAccountIsFound(t *testing.T) {
	sent := witness.Account{Meter: "A", Owner: "Tan", Address: "1 Road"}
	there := sent
	there.Recorded = ten
	for _, c := range []struct {
		name  string
		sent  func(*witness.Log)
		found *witness.Account
		want  witness.Kind // of the one violation, or ""
	}{
		{"acknowledged and there", acknowledged, &there, ""},
		{"acknowledged and lost", acknowledged, nil, witness.Lost},
		{"unanswered and there", unanswered, &there, ""},
		{"unanswered and not there", unanswered, nil, ""},
		{"refused and there", refused, &there, witness.Invented},
		{"refused and not there", refused, nil, ""},
		{"never sent and there", func(*witness.Log) {}, &there, witness.Invented},
		{"never sent and not there", func(*witness.Log) {}, nil, ""},
		{"another owner", acknowledged, &witness.Account{Meter: "A", Owner: "Lim", Address: "1 Road"}, witness.Altered},
		{"half an address", unanswered, &witness.Account{Meter: "A", Owner: "Tan", Address: "1"}, witness.Altered},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := witness.New()
			c.sent(l)
			wrong := l.CompareAccount("A", c.found)
			if c.want == "" && wrong != nil || c.want != "" && (len(wrong) != 1 || wrong[0].Kind != c.want) {
				t.Errorf("violations %v, want %q", wrong, c.want)
			}
		})
	}
}

var tan = witness.Account{Meter: "A", Owner: "Tan", Address: "1 Road"}

func acknowledged(l *witness.Log) { unanswered(l); l.Acknowledge(tan.Claim()) }
func refused(l *witness.Log)      { unanswered(l); l.Refuse(tan.Claim()) }
func unanswered(l *witness.Log) {
	l.Send(tan.Claim())
}

func TestTheTimeOfRegistrationMayNotChange(t *testing.T) {
	l := witness.New()
	acknowledged(l)
	found := witness.Account{Meter: "A", Owner: "Tan", Address: "1 Road", Recorded: ten}
	if wrong := l.CompareAccount("A", &found); wrong != nil {
		t.Error(wrong)
	}
	found.Recorded = eleven
	if wrong := l.CompareAccount("A", &found); len(wrong) != 1 || wrong[0].Kind != witness.Altered {
		t.Errorf("violations %v", wrong)
	}
}

func TestAViolationNamesMeterTimeWantAndGot(t *testing.T) {
	for want, v := range map[string]witness.Violation{
		"lost: meter A, 2026-11-20T10:00:00: want 5.25, got nothing":   {witness.Lost, "A", ten, "5.25", ""},
		"invented: meter A, 2026-11-20T10:00:00: want nothing, got 6":  {witness.Invented, "A", ten, "", "6"},
		"altered: meter A, 2026-11-20T10:00:00: want 5.25, got 5.2501": {witness.Altered, "A", ten, "5.25", "5.2501"},
	} {
		if got := v.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestAnAcknowledgedCorrectionMustBeThereAndAnUnansweredOneMay(t *testing.T) {
	lost := []witness.Violation{{witness.Altered, "A", ten, "5.5", "5.25"}}
	altered := []witness.Violation{{witness.Altered, "A", ten, "5.25", "5.5"}}
	taken, refused, unanswered := true, false, (*bool)(nil)
	for name, c := range map[string]struct {
		answer *bool
		found  string
		want   []witness.Violation
		then   string // that must stay
	}{
		"acknowledged, and there":   {&taken, "5.5", nil, "5.5"},
		"acknowledged, and lost":    {&taken, "5.25", lost, "5.5"},
		"refused, and there":        {&refused, "5.5", altered, "5.25"},
		"refused, and not there":    {&refused, "5.25", nil, "5.25"},
		"unanswered, and there":     {unanswered, "5.5", nil, "5.5"},
		"unanswered, and not there": {unanswered, "5.25", nil, "5.25"},
	} {
		t.Run(name, func(t *testing.T) {
			l := told()
			answer := l.Correct(of(ten, "5.25"), "5.5")
			if l.Told(of(ten, "5.25")) || l.Correct(of(ten, "5.25"), "5.75") != nil {
				t.Error("what is being corrected is told, or corrected by another")
			}
			if c.answer != nil {
				answer(*c.answer)
			}
			if diff := cmp.Diff(c.want, l.Compare("A", year, []witness.Reading{of(ten, c.found)})); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
			if wrong := l.Compare("A", year, []witness.Reading{of(ten, c.then)}); wrong != nil {
				t.Errorf("afterwards %v", wrong)
			}
		})
	}
}

func TestAnExchangeIsComparedBesideTheReadings(t *testing.T) {
	l, exchange := told(), witness.Exchange("A", ten, meter.Register{}, meter.Register{})
	l.Send(exchange)
	l.Acknowledge(exchange)
	if wrong := l.Compare("A", year, []witness.Reading{of(ten, "5.25")}); wrong != nil {
		t.Errorf("among the readings: %v", wrong)
	}
	if wrong := l.Compare("A", witness.Exchanges, []witness.Reading{exchange}); wrong != nil {
		t.Errorf("it is there, and %v", wrong)
	}
	if wrong := l.Compare("A", witness.Exchanges, nil); len(wrong) != 1 || wrong[0].Kind != witness.Lost {
		t.Errorf("it is lost, and %v", wrong)
	}
}
