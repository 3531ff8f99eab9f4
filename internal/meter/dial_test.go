package meter_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meterledger/internal/meter"
)

// ten is any half hour: it stands for 10:00.
const ten meter.Slot = 480_000

// at is a reading some half hours after 10:00.
func at(t testing.TB, halfHours meter.Slot, register string) meter.Point {
	t.Helper()
	return meter.Point{Slot: ten + halfHours, Register: kwh(t, register)}
}

// swap is an exchange some minutes after 10:00.
func swap(t testing.TB, minutes meter.Instant, old, first string) meter.Change {
	t.Helper()
	return meter.Change{At: ten.Instant() + 60*minutes, Kind: meter.Exchange, Old: kwh(t, old), New: kwh(t, first)}
}

// burnt is an exchange of a meter that nobody could read.
func burnt(t testing.TB, minutes meter.Instant, estimated, first string) meter.Change {
	t.Helper()
	c := swap(t, minutes, "0", first)
	c.IsEstimated, c.Estimated = true, kwh(t, estimated)
	return c
}

// scene has a house go through steps: readings, exchanges, and moments whose exchange is taken
// back. It tells what did not fit.
func scene(t testing.TB, h *house, steps ...any) (falls []string) {
	t.Helper()
	for i, step := range steps {
		var fall *meter.Fall
		switch s := step.(type) {
		case meter.Point:
			if f, taken := h.take(s); !taken {
				fall = f
				if f == nil {
					falls = append(falls, fmt.Sprint(i, ": conflict"))
				}
			}
		case meter.Change:
			fall = h.exchange(s)
		case meter.Instant:
			fall = h.takeBack(s)
		}
		if fall != nil {
			falls = append(falls, fmt.Sprint(i, ": ", fall.From.Register, " to ", fall.To.Register))
		}
	}
	return falls
}

// rolled returns after which half hours from 10:00 on the dial rolled over.
func rolled(d meter.Dials) (slots []int) {
	for _, c := range d {
		if slot, _ := c.At.Slot(); c.Kind == meter.Rollover {
			slots = append(slots, int(slot-ten))
		}
	}
	return slots
}

func TestExchangesAndRolloversCountAsInTheWorkedExamples(t *testing.T) {
	wraps := meter.Limits{RollsOverAt: kwh(t, "100000")}
	odd := meter.Limits{RollsOverAt: kwh(t, "838.8607")}
	for name, c := range map[string]struct {
		limits meter.Limits
		steps  []any
		used   string // from 10:00 to the last reading
		falls  []string
	}{
		// DOMAIN.md, section 2.
		"an exchange within a half hour":  {steps: []any{at(t, 0, "5123.1"), swap(t, 17, "5123.4", "0.2"), at(t, 1, "0.35")}, used: "0.45"},
		"the same, entered late":          {steps: []any{at(t, 0, "5123.1"), at(t, 1, "0.35"), swap(t, 17, "5123.4", "0.2"), at(t, 1, "0.35")}, used: "0.45", falls: []string{"1: 5123.1 to 0.35"}},
		"over the end of a dial":          {limits: wraps, steps: []any{at(t, 0, "99998.5"), at(t, 1, "1.25")}, used: "2.75"},
		"80 MW":                           {limits: wraps, steps: []any{at(t, 0, "60000"), at(t, 1, "1.25")}, used: "0", falls: []string{"1: 60000 to 1.25"}},
		"a higher new meter":              {steps: []any{at(t, 0, "120"), at(t, 1, "5000.5")}, used: "4880.5"},
		"a higher new meter, once known":  {steps: []any{at(t, 0, "120"), at(t, 1, "5000.5"), swap(t, 10, "120.1", "5000.2")}, used: "0.4"},
		"a modulus of 23 bits":            {limits: odd, steps: []any{at(t, 0, "838.7"), at(t, 1, "0.1")}, used: "0.2607"},
		"no modulus":                      {steps: []any{at(t, 0, "99998.5"), at(t, 1, "1.25")}, used: "0", falls: []string{"1: 99998.5 to 1.25"}},
		"exactly as much as can be":       {limits: meter.Limits{RollsOverAt: kwh(t, "100000"), MaxKW: meter.Power(kwh(t, "5.5"))}, steps: []any{at(t, 0, "99998.5"), at(t, 1, "1.25")}, used: "2.75"},
		"a little more":                   {limits: meter.Limits{RollsOverAt: kwh(t, "100000"), MaxKW: meter.Power(kwh(t, "5.499999999"))}, steps: []any{at(t, 0, "99998.5"), at(t, 1, "1.25")}, used: "0", falls: []string{"1: 99998.5 to 1.25"}},
		"a register past the end":         {limits: wraps, steps: []any{at(t, 0, "100001"), at(t, 1, "1.25")}, used: "0", falls: []string{"1: 100001 to 1.25"}},
		"late, before the end of a dial":  {limits: odd, steps: []any{at(t, 0, "838.5"), at(t, 3, "0.5"), at(t, 1, "838.6"), at(t, 2, "838.7")}, used: "0.8607"},
		"late, after the end of a dial":   {limits: odd, steps: []any{at(t, 0, "838.5"), at(t, 3, "0.5"), at(t, 2, "0.25"), at(t, 1, "0")}, used: "0.8607"},
		"late, and neither":               {limits: odd, steps: []any{at(t, 0, "838.5"), at(t, 3, "0.5"), at(t, 1, "0.75"), at(t, 2, "838.25")}, used: "0.8607", falls: []string{"2: 0.75 to 0.5", "3: 838.25 to 0.5"}},
		"late, before all":                {limits: odd, steps: []any{at(t, 3, "0.5"), at(t, 0, "838.5")}, used: "0.8607"},
		"late, a whole turn more":         {limits: odd, steps: []any{at(t, 0, "10"), at(t, 100, "20"), at(t, 50, "5")}, used: "10", falls: []string{"2: 10 to 5"}},
		"from one dial's end to another":  {limits: odd, steps: []any{at(t, 0, "838.5"), swap(t, 40, "0.25", "838.7"), at(t, 2, "0.125")}, used: "0.8964"},
		"what nobody read is nothing":     {steps: []any{at(t, 0, "10"), burnt(t, 40, "0", "3"), at(t, 2, "3.5")}, used: "0.5"},
		"what nobody read was estimated":  {steps: []any{at(t, 0, "10"), burnt(t, 40, "2.5", "3"), at(t, 2, "3.5")}, used: "3"},
		"unread, and then one came late":  {steps: []any{at(t, 0, "10"), burnt(t, 40, "2.5", "3"), at(t, 2, "3.5"), at(t, 1, "11")}, used: "4"},
		"unread, before any reading":      {steps: []any{burnt(t, -40, "2.5", "3"), at(t, 0, "3.5"), at(t, 1, "4")}, used: "0.5"},
		"before any reading":              {steps: []any{swap(t, -40, "2.5", "3"), at(t, 0, "3.5"), at(t, 1, "4")}, used: "0.5"},
		"before any reading, and too low": {steps: []any{swap(t, -40, "2.5", "3"), at(t, 0, "2.75"), at(t, 0, "3.25"), at(t, 1, "4")}, used: "0.75", falls: []string{"1: 3 to 2.75"}},
		"the old register is too low":     {steps: []any{at(t, 0, "10"), swap(t, 40, "9", "3"), at(t, 2, "13")}, used: "3", falls: []string{"1: 10 to 9"}},
		"the new register is too high":    {steps: []any{at(t, 0, "10"), at(t, 2, "13"), swap(t, 40, "11", "14")}, used: "3", falls: []string{"2: 14 to 13"}},
		"two, and no reading between":     {steps: []any{at(t, 0, "10"), swap(t, 40, "10.5", "3"), swap(t, 41, "3.25", "100"), at(t, 2, "101")}, used: "1.75"},
		"the same, the later first":       {steps: []any{at(t, 0, "10"), swap(t, 41, "13.25", "100"), swap(t, 40, "10.5", "13"), at(t, 2, "101")}, used: "1.75"},
		"two, of which one is unread":     {steps: []any{at(t, 0, "10"), swap(t, 40, "10.5", "3"), burnt(t, 41, "0.25", "100"), at(t, 2, "101")}, used: "1.75"},
		"on the grid, nothing there":      {steps: []any{at(t, 0, "10"), swap(t, 30, "11", "3"), at(t, 2, "3.5")}, used: "1.5"},
		"on the grid, the old one there":  {steps: []any{at(t, 0, "10"), at(t, 1, "11"), swap(t, 30, "11", "3"), at(t, 2, "3.5"), at(t, 1, "11")}, used: "1.5"},
		"on the grid, the new one there":  {steps: []any{at(t, 0, "10"), at(t, 1, "300"), swap(t, 30, "11", "300"), at(t, 2, "300.5"), at(t, 1, "300")}, used: "1.5"},
		"on the grid, another there":      {steps: []any{at(t, 0, "10"), swap(t, 30, "11", "3"), at(t, 1, "12"), at(t, 2, "3.5")}, used: "1.5", falls: []string{"2: conflict"}},
		"taken back":                      {steps: []any{at(t, 0, "10"), at(t, 2, "13"), swap(t, 40, "11", "12"), swap(t, 40, "11", "12").At}, used: "3"},
		"taken back, and it would fall":   {steps: []any{at(t, 0, "10"), swap(t, 40, "11", "3"), at(t, 2, "4"), swap(t, 40, "11", "3").At}, used: "2", falls: []string{"3: 10 to 4"}},
		"late, and it fits no dial":       {limits: odd, steps: []any{at(t, 0, "830"), swap(t, 40, "835", "838.5"), at(t, 3, "0.5"), at(t, 1, "829")}, used: "5.8607", falls: []string{"3: 830 to 829"}},
		"unread, and the end of a dial":   {limits: odd, steps: []any{at(t, 0, "838.5"), burnt(t, 70, "0", "3"), at(t, 3, "3.5"), at(t, 1, "0.25")}, used: "1.1107"},
		"a rollover that was none":        {limits: odd, steps: []any{at(t, 0, "838.5"), at(t, 2, "0.5"), swap(t, 40, "838.625", "0.25")}, used: "0.375"},
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{limits: c.limits}
			if diff := cmp.Diff(c.falls, scene(t, h, c.steps...)); diff != "" {
				t.Errorf("what does not fit (-want +got):\n%s", diff)
			}
			if got := h.used(ten, h.points[len(h.points)-1].Slot).String(); got != c.used {
				t.Errorf("%s kWh were used, want %s", got, c.used)
			}
		})
	}
}

func TestTotalIsTheRegisterAndWhatEarlierDialsCounted(t *testing.T) {
	d := meter.Dials{}.With(swap(t, 17, "5123.4", "0.2"))
	for slot, want := range map[meter.Slot]string{ten: "0.35", ten + 1: "5123.55"} {
		if got := d.Total(meter.Point{Slot: slot, Register: kwh(t, "0.35")}).Decimal().String(); got != want {
			t.Errorf("the total at %d is %s, want %s", slot-ten, got, want)
		}
	}
	if got := d.Offset(ten + 1).Decimal().String(); got != "5123.2" {
		t.Errorf("%s is added, want 5123.2", got)
	}
}

func TestReadingAtTheMomentOfAnExchangeBelongsToTheOldDial(t *testing.T) {
	d := meter.NewDials([]meter.Change{swap(t, 30, "11", "3"), swap(t, 90, "5", "0")})
	for slot, want := range map[meter.Slot]string{0: "0", 1: "0", 2: "8", 3: "8", 4: "13"} {
		if got := d.Offset(ten + slot).Decimal().String(); got != want {
			t.Errorf("%s is added at %d, want %s", got, slot, want)
		}
	}
	for _, c := range []struct {
		from, to meter.Slot
		want     []meter.Instant
	}{
		{0, 1, nil},
		{1, 2, []meter.Instant{30}},
		{0, 3, []meter.Instant{30}},
		{1, 4, []meter.Instant{30, 90}},
		{2, 3, nil},
		{3, 9, []meter.Instant{90}},
		{4, 9, nil},
	} {
		var got []meter.Instant
		for _, change := range d.Between(ten+c.from, ten+c.to) {
			got = append(got, (change.At-ten.Instant())/60)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("between %d and %d lie %v, want %v", c.from, c.to, got, c.want)
		}
	}
}

func TestRolloverMovesToFitALateReading(t *testing.T) {
	h := &house{limits: meter.Limits{RollsOverAt: kwh(t, "838.8607")}}
	for _, c := range []struct {
		step any
		want []int // after which half hours it rolled over
	}{
		{at(t, 0, "838.5"), nil},
		{at(t, 8, "0.5"), []int{0}},
		{at(t, 4, "838.6"), []int{4}},
		{at(t, 6, "0.25"), []int{4}},
		{at(t, 5, "838.7"), []int{5}},
		{swap(t, 170, "838.8", "838"), []int{5}}, // now it is the new dial, from the exchange on
		{at(t, 9, "1"), []int{5}},
	} {
		scene(t, h, c.step)
		if got := rolled(h.dials); !slices.Equal(got, c.want) {
			t.Errorf("after %v it rolled over after %v, want %v", c.step, got, c.want)
		}
	}
}

func TestCorrectionMovesNoRegisterThatStandsByATurnOfTheDial(t *testing.T) {
	odd := meter.Limits{RollsOverAt: kwh(t, "838.8607")}
	for name, c := range map[string]struct {
		before    []string // by half hours; the last is a day later
		correct   map[meter.Slot]string
		want      []int // where the dial rolls over then
		used      string
		isRefused bool
	}{
		"between its neighbours":           {[]string{"830", "834", "838"}, map[meter.Slot]string{1: "835"}, nil, "8", false},
		"a turn more":                      {[]string{"830", "834", "838"}, map[meter.Slot]string{1: "2"}, nil, "8", true},
		"a turn more, by two":              {[]string{"830", "832", "834", "838"}, map[meter.Slot]string{1: "2", 2: "3"}, nil, "8", true},
		"before the end of the dial":       {[]string{"830", "2", "8"}, map[meter.Slot]string{1: "834"}, []int{1}, "16.8607", false},
		"after it":                         {[]string{"830", "834", "8"}, map[meter.Slot]string{1: "3"}, []int{0}, "16.8607", false},
		"neither":                          {[]string{"830", "834", "8"}, map[meter.Slot]string{1: "9"}, nil, "16.8607", true},
		"what was taken for the end of it": {[]string{"830", "2", "838"}, map[meter.Slot]string{1: "834"}, nil, "8", false},
		"withdrawn":                        {[]string{"830", "834", "8"}, map[meter.Slot]string{1: ""}, []int{0}, "16.8607", false},
		"the last one":                     {[]string{"830", "834", "838"}, map[meter.Slot]string{2: "8"}, []int{1}, "16.8607", false},
		"the last one, and no more":        {[]string{"830", "834", "8"}, map[meter.Slot]string{2: "838"}, nil, "8", false},
	} {
		t.Run(name, func(t *testing.T) {
			h, s := &house{limits: odd}, meter.Stretch{Begins: true, Ends: true}
			for i, register := range c.before {
				slot := meter.Slot(i)
				if i == len(c.before)-1 {
					slot += meter.SlotsPerDay
				}
				p := at(t, slot, register)
				if falls := scene(t, h, p); falls != nil {
					t.Fatal(falls)
				}
				if corrected, ok := c.correct[meter.Slot(i)]; ok && corrected != "" {
					p.Register = kwh(t, corrected)
				} else if ok {
					continue
				}
				s.Readings = append(s.Readings, p)
			}
			first, last := s.Readings[0], s.Readings[len(s.Readings)-1]
			if _, corrected := c.correct[meter.Slot(len(c.before)-1)]; !corrected {
				s.Begins, s.Ends = false, false
			}
			dials, fall := h.dials.Correct(s, odd)
			if (fall != nil) != c.isRefused {
				t.Fatalf("refused for %v, want %v", fall, c.isRefused)
			}
			if fall != nil {
				return
			}
			if diff := cmp.Diff(c.want, rolled(dials)); diff != "" {
				t.Errorf("it rolled over (-want +got):\n%s", diff)
			}
			if got := dials.Used(first, last).String(); got != c.used {
				t.Errorf("%s kWh were used, want %s", got, c.used)
			}
		})
	}
}

// A restored rollover is one that an operator puts back, before the readings around it.
func TestReadingsFarFromEveryChangeCostNothingHoweverManyThereAre(t *testing.T) {
	var changes []meter.Change
	for minutes := range meter.Instant(1000) {
		changes = append(changes, swap(t, 60*minutes+1, "5", "5"))
	}
	dials, limits := meter.NewDials(changes), meter.Limits{}
	before, p, after := at(t, 5000, "5"), at(t, 5001, "6"), at(t, 5002, "7")
	stretch := meter.Stretch{Readings: []meter.Point{before, p, after}}
	allocated := testing.AllocsPerRun(10, func() {
		taken, fall := dials.Take(p, &before, &after, limits)
		corrected, other := dials.Correct(stretch, limits)
		if fall != nil || other != nil || !taken.Equal(dials) || !corrected.Equal(dials) {
			t.Errorf("%v and %v do not fit", fall, other)
		}
	})
	if allocated > 8 { // for the readings, and not for each change
		t.Errorf("%v allocations", allocated)
	}
	if !dials.Equal(meter.NewDials(changes)) || dials.Equal(dials[:999]) {
		t.Error("equal dials are not equal, or others are")
	}
}

func TestRestoredRolloverStandsWhateverTheLimitsAre(t *testing.T) {
	restored := meter.Change{At: (ten + 4).Instant(), Kind: meter.Rollover, Old: kwh(t, "838.8607")}
	for _, order := range [][]meter.Point{
		{at(t, 0, "100"), at(t, 4, "110"), at(t, 5, "3"), at(t, 6, "4")},
		{at(t, 6, "4"), at(t, 5, "3"), at(t, 4, "110"), at(t, 0, "100")},
		{at(t, 4, "110"), at(t, 6, "4"), at(t, 0, "100"), at(t, 5, "3")},
	} {
		h := &house{dials: meter.Dials{}.With(restored)}
		for _, p := range order {
			if falls := scene(t, h, p); falls != nil {
				t.Errorf("of %v it refuses %v: %v", order, p, falls)
			}
		}
		if got := h.used(ten, ten+6).String(); got != "742.8607" {
			t.Errorf("after %v %s kWh were used", order, got)
		}
		if diff := cmp.Diff([]int{4}, rolled(h.dials)); diff != "" {
			t.Errorf("after %v it rolled over (-want +got):\n%s", order, diff)
		}
	}
}

func TestDialsAreFoundAddedAndTakenAwayByTheirMoment(t *testing.T) {
	first, second := swap(t, 30, "11", "3"), swap(t, 90, "5", "0")
	rollover := meter.Change{At: first.At, Kind: meter.Rollover, Old: kwh(t, "100")}
	d := meter.NewDials([]meter.Change{rollover, second, first})
	if d[0].Kind != meter.Exchange || d[1].Kind != meter.Rollover || d[2].At != second.At {
		t.Errorf("of one moment, the rollover is not the later: %v", d)
	}
	if c, ok := d.Find(first.At); !ok || c.Kind != meter.Exchange || c.New != first.New {
		t.Errorf("found %v, %v", c, ok)
	}
	if c, ok := d.Find(first.At + 1); ok {
		t.Errorf("found %v", c)
	}
	without := d.Without(first.At)
	if len(d) != 3 || len(without) != 2 || without[0].Kind != meter.Rollover || without.Offset(ten+9).Decimal().String() != "105" {
		t.Errorf("without it %v of %v are left", without, d)
	}
	if again := without.With(first); !slices.Equal(again, d) {
		t.Errorf("with it again there are %v, not %v", again, d)
	}
}

func TestKindsAreReadAsTheyAreWritten(t *testing.T) {
	for _, k := range []meter.ChangeKind{meter.Exchange, meter.Reset, meter.Rollover} {
		if again, ok := meter.ParseChangeKind(k.String()); !ok || again != k {
			t.Errorf("%v is read as %v, %v", k, again, ok)
		}
	}
	for _, s := range []string{"", "Exchange", "removal"} {
		if k, ok := meter.ParseChangeKind(s); ok {
			t.Errorf("%q is read as %v", s, k)
		}
	}
}
