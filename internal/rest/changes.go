package rest

import (
	"meterledger/api"
	"meterledger/internal/meter"
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
