package rest

import (
	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// registerChanges are changes of dials as answers have them; nil if there are none.
func registerChanges(zone *meter.Zone, d meter.Dials) (changes []api.RegisterChange) {
	for _, c := range d {
		change := api.RegisterChange{
			At: zone.StampTime(zone.TimeOf(c.At)), Kind: c.Kind.String(), OldReading: c.Old, NewReading: c.New, Serial: known(c.Serial),
		}
		if c.IsEstimated {
			change.EstimatedKWh = &c.Estimated
		}
		changes = append(changes, change)
	}
	return changes
}

// known returns a text, or nil if it is empty.
func known(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// changed writes a bucket between whose ends the dial changes, of which there are few. It
// returns false if the caller has gone.
func (p *pageWriter) changed(b *query.Bucket) bool {
	interval := api.Interval{
		Start: p.zone.Stamp(b.Window.From), End: p.zone.Stamp(b.Window.To), Complete: b.Complete, Clipped: b.Clipped, Estimated: b.Estimated(),
		RegisterChanges: registerChanges(p.zone, b.Changes()),
	}
	if b.Start.Source != query.Missing {
		interval.StartReading = &b.Start.Register
	}
	if b.End.Source != query.Missing {
		interval.EndReading = &b.End.Register
	}
	if b.Known() {
		interval.Consumption = new(b.Energy())
	}
	if name := missing(*b); name != "" {
		interval.Missing = &name
	}
	p.b = append(append(p.b, p.opener), httpkit.Encode(interval)...)
	p.opener = ','
	return len(p.b) < pageChunkBytes || p.send()
}
