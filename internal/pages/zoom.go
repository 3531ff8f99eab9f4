package pages

import (
	"net/url"
	"strconv"

	"meterledger/internal/meter"
	"meterledger/internal/query"
)

// zoomHalfHoursMax is how many half hours a page of the api is asked to have: more than a year has.
const zoomHalfHoursMax = 25_000

// zoom returns the path of what is known of a window by half hours, for the script that draws it; it is
// empty if nothing is known.
func (s *site) zoom(h home, w meter.Window) string {
	known := h.part(w)
	if known.Points() < 2 {
		return ""
	}
	return "/get_readings?" + url.Values{
		"meter_id": {string(h.id)}, "start": {s.zone.Stamp(known.From)}, "end": {s.zone.Stamp(known.To)},
		"interval": {string(query.HalfHour)}, "estimate": {"auto"}, "numbers": {"string"}, "page_size": {strconv.Itoa(zoomHalfHoursMax)},
	}.Encode()
}
