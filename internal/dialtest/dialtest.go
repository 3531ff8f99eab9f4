// Package dialtest cuts what one dial showed into what several would have shown: meters that
// are exchanged, and dials that roll over. It promises that the energy stays what it was, so
// that any answer about the cut series has its truth in the uncut one.
package dialtest

import (
	"cmp"
	"slices"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"meterledger/internal/meter"
)

// Meter is a meter's life, as it was and as it was seen.
type Meter struct {
	Uncut   []meter.Point  // what a single dial without an end would have shown
	Shown   []meter.Point  // what was shown, at the same half hours
	Changes []meter.Change // the exchanges and resets, in order of time
	Limits  meter.Limits
}

// Moduli are registers at which dials roll over, the least first: few of them are powers of ten.
var Moduli = []meter.Register{
	register("838.8607"), register("1000"), register("2147.483647"), register("99999.9"), register("2147483.647"),
}

func register(text string) meter.Register {
	r, err := meter.ParseRegister(text)
	if err != nil {
		panic("BUG: " + text + " " + err.Error())
	}
	return r
}

// Draw cuts a series at up to so many moments. One without a modulus has no end.
func Draw(t *rapid.T, uncut []meter.Point, modulus meter.Register, exchanges int) Meter {
	m := Meter{Uncut: uncut, Limits: meter.Limits{RollsOverAt: modulus}}
	instants := rapid.SliceOfNDistinct(anyInstant(uncut), 0, exchanges, rapid.ID).Draw(t, "exchanged")
	slices.Sort(instants)
	d := dial{modulus: modulus}
	for _, p := range uncut {
		for len(instants) > 0 && instants[0] < p.Slot.Instant() {
			m.Changes = append(m.Changes, d.exchange(t, instants[0], m.passed(instants[0])))
			instants = instants[1:]
		}
		m.Shown = append(m.Shown, meter.Point{Slot: p.Slot, Register: d.shows(p.Register.Decimal())})
	}
	for _, at := range instants {
		m.Changes = append(m.Changes, d.exchange(t, at, m.passed(at)))
	}
	return m
}

// anyInstant draws moments from shortly before a series until shortly after it: on its grid
// or at any second.
func anyInstant(uncut []meter.Point) *rapid.Generator[meter.Instant] {
	return rapid.Custom(func(t *rapid.T) meter.Instant {
		at := uncut[rapid.IntRange(0, len(uncut)-1).Draw(t, "near")].Slot.Instant()
		return at + meter.Instant(rapid.SampledFrom([]int{0, 0, 1, -1, 617, -1620, 1799}).Draw(t, "seconds"))
	})
}

// passed returns what a single dial would have shown at a moment: on a straight line between
// its neighbours, so that the power is that of the half hour.
func (m *Meter) passed(at meter.Instant) decimal.Decimal {
	i, found := slices.BinarySearchFunc(m.Uncut, at, func(p meter.Point, at meter.Instant) int { return cmp.Compare(p.Slot.Instant(), at) })
	switch {
	case i == len(m.Uncut):
		return m.Uncut[i-1].Register.Decimal()
	case i == 0 || found:
		return m.Uncut[i].Register.Decimal()
	}
	from, to := m.Uncut[i-1], m.Uncut[i]
	rise := to.Register.Decimal().Sub(from.Register.Decimal()).Mul(decimal.NewFromInt(int64(at - from.Slot.Instant())))
	part, _ := rise.QuoRem(decimal.NewFromInt(int64(to.Slot.Instant()-from.Slot.Instant())), meter.RegisterDecimalsMax)
	return from.Register.Decimal().Add(part)
}

// Used returns the energy between two of the meter's readings.
func (m *Meter) Used(from, to int) decimal.Decimal {
	return m.Uncut[to].Register.Decimal().Sub(m.Uncut[from].Register.Decimal())
}

// dial is the one that counts.
type dial struct {
	modulus meter.Register
	from    decimal.Decimal // what it showed at first, less what had passed by then
}

// shows returns what the dial shows when so much has passed.
func (d *dial) shows(passed decimal.Decimal) meter.Register {
	shown := passed.Add(d.from)
	if modulus := d.modulus.Decimal(); modulus.IsPositive() {
		shown = shown.Mod(modulus)
	}
	return register(shown.String())
}

// exchange puts another dial into the place of d, which begins anywhere.
func (d *dial) exchange(t *rapid.T, at meter.Instant, passed decimal.Decimal) meter.Change {
	old := d.shows(passed)
	first := rapid.SampledFrom([]decimal.Decimal{
		{},
		decimal.New(2, -1), decimal.New(5000_2, -1), decimal.New(838_8606, -4),
		old.Decimal().Add(decimal.New(1, -1)), old.Decimal().Sub(decimal.New(1, -1)).Abs(),
	}).Draw(t, "new register")
	if modulus := d.modulus.Decimal(); modulus.IsPositive() {
		first = first.Mod(modulus)
	}
	d.from = first.Sub(passed)
	kind, serial := meter.Exchange, rapid.SampledFrom([]string{"", "SN-1", "SN-2"}).Draw(t, "serial")
	if serial == "" && rapid.Bool().Draw(t, "reset") {
		kind = meter.Reset
	}
	return meter.Change{At: at, Kind: kind, Old: old, New: d.shows(passed), Serial: serial, Modulus: d.modulus}
}
