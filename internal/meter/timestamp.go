package meter

import "time"

// EarliestYear is the first year of which readings are taken. No smart meter is
// older, and a device whose clock was reset reports 1970.
const EarliestYear = 2000

// latestYear is the last year that is written with four digits.
const latestYear = 9999

const stampLayout = "2006-01-02T15:04:05"

const (
	grammar       = "must be a timestamp such as 2026-11-23T14:30:00 or 2026-11-23T06:30:00Z"
	grammarOrDate = grammar + ", or a date such as 2026-11-23"
)

// ParseSlot reads a timestamp that lies on the half-hour grid. Without an offset
// it is the zone's local time; with one (Z, +08:00, +0800, +08) it is converted.
// T or a blank may stand between date and time; seconds and fractions may be
// left out or be zero; 24:00 is the next day's 00:00. A blank before the offset
// is the plus sign that a query string turns into one.
//
// A local time that the clock shows twice, or jumps over, is refused: only an
// offset says which instant was meant.
func (z *Zone) ParseSlot(field, s string) (Slot, error) { return z.parseSlot(field, s, grammar) }

func (z *Zone) parseSlot(field, s, grammar string) (Slot, error) {
	t, err := z.parseTime(field, s, grammar)
	if err != nil {
		return 0, err
	}
	slot, ok := z.SlotOf(t)
	if !ok {
		return 0, Invalid(CodeInvalidTimestamp, field, "must lie on the hour or half hour")
	}
	return slot, nil
}

// ParseInstant reads a timestamp as ParseSlot does, of any second.
func (z *Zone) ParseInstant(field, s string) (Instant, error) {
	return z.parseInstant(field, s, grammar)
}

// ParseInstantOrDate reads an instant as ParseInstant does, or a date, which is its first point.
func (z *Zone) ParseInstantOrDate(field, s string) (Instant, error) {
	if _, isDay := ParseDay(s); isDay {
		bound, err := z.ParseBound(field, s)
		return Slot(bound).Instant(), err
	}
	return z.parseInstant(field, s, grammarOrDate)
}

func (z *Zone) parseInstant(field, s, grammar string) (Instant, error) {
	t, err := z.parseTime(field, s, grammar)
	if err != nil {
		return 0, err
	}
	if t.Nanosecond() != 0 {
		return 0, Invalid(CodeInvalidTimestamp, field, "must be a whole second")
	}
	return z.Instant(t), nil
}

func (z *Zone) parseTime(field, s, grammar string) (time.Time, error) {
	p := stampParser{rest: s}
	local, offset, hasOffset := p.stamp()
	if p.failed || p.rest != "" {
		return time.Time{}, Invalid(CodeInvalidTimestamp, field, "%s", grammar)
	}
	t := local.Add(-offset)
	if !hasOffset {
		shown := z.instants(local)
		switch shown.count {
		case 0:
			return t, Invalid(CodeInvalidTimestamp, field, "does not exist in %s: the clock is put forward over it", z)
		case 2:
			return t, Invalid(CodeInvalidTimestamp, field, "happens twice in %s: give its offset too, such as %s", z, shown.at[0].Format("-07:00"))
		}
		t = shown.at[0]
	}
	if year := t.In(z.location).Year(); year < EarliestYear || year > latestYear {
		return t, errYear(field)
	}
	return t, nil
}

func errYear(field string) error {
	return Invalid(CodeInvalidTimestamp, field, "lies outside the years %d to %d", EarliestYear, latestYear)
}

// Bound is a point of the half-hour grid from which or up to which is asked.
type Bound Slot

// ParseBound reads a bound: a timestamp as ParseSlot does, or a date, which is its first
// point.
func (z *Zone) ParseBound(field, s string) (Bound, error) {
	if day, ok := ParseDay(s); ok {
		if day.Year < EarliestYear {
			return 0, errYear(field)
		}
		return Bound(z.DayStart(day)), nil
	}
	slot, err := z.parseSlot(field, s, grammarOrDate)
	return Bound(slot), err
}

// Stamp writes a slot as the callers see it: local YYYY-MM-DDTHH:MM:SS. If
// the clock shows that time twice, the offset follows, so that every stamp
// names one instant and can be read back.
func (z *Zone) Stamp(s Slot) string { return z.StampTime(z.Time(s)) }

// StampTime writes an instant as Stamp does, to the whole second.
func (z *Zone) StampTime(t time.Time) string {
	t = t.In(z.location)
	if z.ambiguous(t) {
		return t.Format(stampLayout + "-07:00")
	}
	year, month, day := t.Date()
	if year < 0 || year > latestYear { // of other lengths
		return t.Format(stampLayout)
	}
	date, rest := dateWords(year, month, day)
	hour, minute, second := t.Clock()
	return stampText(date, rest, twoDigits(hour)|':'<<16|twoDigits(minute)<<24|':'<<40|twoDigits(second)<<48).String()
}

// ambiguous reports whether the clock shows t's local time at another instant too.
func (z *Zone) ambiguous(t time.Time) bool {
	_, offset := t.Zone()
	return z.instants(t.UTC().Add(time.Duration(offset)*time.Second)).count > 1
}

// stampParser reads a timestamp from left to right. Once it has failed it
// stays failed, so that failed needs to be looked at only at the end.
type stampParser struct {
	rest   string
	failed bool
}

func (p *stampParser) stamp() (local time.Time, offset time.Duration, hasOffset bool) {
	year, month, day := p.number(4), p.after("-", 2), p.after("-", 2)
	hour, minute := p.after("Tt ", 2), p.after(":", 2)
	second, nanosecond := 0, 0
	if p.next(":") {
		second = p.after(":", 2)
		if p.fraction() {
			nanosecond = 1 // any but 0 is not a whole second
		}
	}
	p.failed = p.failed || minute > 59 || second > 59 || hour > 24 || hour == 24 && minute+second+nanosecond > 0
	local = time.Date(year, time.Month(month), day, hour, minute, second, nanosecond, time.UTC)
	// Only a day that exists, counted from its midnight, is taken as written.
	midnight := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	p.failed = p.failed || midnight.Month() != time.Month(month) || midnight.Day() != day
	offset, hasOffset = p.offset()
	return local, offset, hasOffset
}

// fraction skips the fraction of a second, and reports whether it is not zero.
func (p *stampParser) fraction() (nonZero bool) {
	if !p.next(".,") {
		return false
	}
	p.rest = p.rest[1:]
	digits := 0
	for ; p.next("0123456789"); p.rest = p.rest[1:] {
		nonZero = nonZero || p.rest[0] != '0'
		digits++
	}
	p.failed = p.failed || digits == 0
	return nonZero
}

func (p *stampParser) offset() (offset time.Duration, present bool) {
	switch {
	case p.rest == "":
		return 0, false
	case p.next("Zz"):
		p.rest = p.rest[1:]
		return 0, true
	case !p.next("+- "):
		p.failed = true
		return 0, false
	}
	negative := p.rest[0] == '-'
	p.rest = p.rest[1:]
	hours, minutes := p.number(2), 0
	if p.next(":") {
		minutes = p.after(":", 2)
	} else if p.rest != "" {
		minutes = p.number(2)
	}
	p.failed = p.failed || hours > 14 || minutes > 59
	offset = time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if negative {
		offset = -offset
	}
	return offset, true
}

func (p *stampParser) next(any string) bool {
	for i := range len(any) {
		if p.rest != "" && p.rest[0] == any[i] {
			return true
		}
	}
	return false
}

func (p *stampParser) after(separators string, digits int) int {
	if !p.next(separators) {
		p.failed = true
		return 0
	}
	p.rest = p.rest[1:]
	return p.number(digits)
}

func (p *stampParser) number(digits int) (n int) {
	if len(p.rest) < digits {
		p.failed = true
		return 0
	}
	for i := range digits {
		c := p.rest[i]
		p.failed = p.failed || c < '0' || c > '9'
		n = n*10 + int(c-'0')
	}
	p.rest = p.rest[digits:]
	return n
}
