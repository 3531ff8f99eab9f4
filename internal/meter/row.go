package meter

// Row is a Reading as it is read off a long list: its meter is named by bytes
// that are only lent, and whoever keeps the row copies them.
type Row struct {
	Meter    []byte
	Slot     Slot
	Register KWh
}

// Row returns r as a Row.
func (r Reading) Row() Row { return Row{[]byte(r.Meter), r.Slot, r.Register} }

// RowParser reads rows whose values are written the plain way, as nearly all are,
// without allocating. It remembers the days that it has met, and serves one
// goroutine.
type RowParser struct {
	slots slotCache
}

// NewRowParser returns a parser of rows whose times are a zone's.
func NewRowParser(z *Zone) *RowParser { return &RowParser{slots: slotCache{zone: z}} }

// Plain reads three values. It reports false where one of them is not plain; that
// does not make it wrong, and ParseID, ParseSlot and ParseReading decide. A row that
// is taken is the one that they would return. Its meter is the bytes given.
func (p *RowParser) Plain(id, timestamp, reading []byte) (Row, bool) {
	slot, ok := p.slots.slot(timestamp)
	if !ok || !isID(id) {
		return Row{}, false
	}
	register, ok := parsePlainKWh(reading)
	return Row{id, slot, register}, ok
}
