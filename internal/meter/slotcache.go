package meter

// cachedDays is how many days a slotCache remembers: two months, as they come in a
// backlog.
const cachedDays = 64

// PlainStampBytes is the length of a plain timestamp.
const PlainStampBytes = len(stampLayout)

// slotCache reads timestamps that are written YYYY-MM-DDTHH:MM:SS, or with a blank
// for the T, and lie on the grid. What it knows of a half hour is what ParseSlot said
// of it once.
type slotCache struct {
	zone *Zone
	days [cachedDays]cachedDay
}

// cachedDay is the half hours of one local day by the clock.
type cachedDay struct {
	date  [len("YYYY-MM-DD")]byte
	slots [SlotsPerDay]Slot // 0 where it was not asked for yet: that is 1970
}

// slot reports false for what is not plain or not valid.
func (c *slotCache) slot(s []byte) (Slot, bool) {
	if len(s) != len(stampLayout) || s[10] != 'T' && s[10] != ' ' {
		return 0, false
	}
	place, ok := halfHour([8]byte(s[11:]))
	if !ok {
		return 0, false
	}
	date := [10]byte(s)
	day := &c.days[(date[9]+date[8]*10+date[6]*31)%cachedDays]
	if day.date != date {
		*day = cachedDay{date: date}
	}
	if day.slots[place] == 0 {
		slot, err := c.zone.ParseSlot("", string(s))
		if err != nil {
			return 0, false
		}
		day.slots[place] = slot
	}
	return day.slots[place], true
}

// halfHour returns the place of HH:00:00 or HH:30:00 in the day.
func halfHour(s [8]byte) (int, bool) {
	tens, ones, half := s[0]-'0', s[1]-'0', s[3]
	if tens > 2 || ones > 9 || half != '0' && half != '3' || string(s[4:]) != "0:00" || s[2] != ':' {
		return 0, false
	}
	place := (int(tens)*10 + int(ones)) * 2
	if half == '3' {
		place++
	}
	return place, place < SlotsPerDay
}
