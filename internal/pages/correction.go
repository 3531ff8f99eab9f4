package pages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// What a correction does with a reading.
const (
	replaces  = "replace"
	withdraws = "withdraw"
)

// correctedView is a reading that somebody says is wrong.
type correctedView struct {
	ID       meter.ID
	Meter    string // its page
	At       moment
	Register string // kWh that is recorded; empty if there is none
	Readings []readingRow
}

// correctForm asks which reading is wrong, and then what is right.
func (s *site) correctForm(r *http.Request, known url.Values) (form, error) {
	f := form{IsAsking: true, Button: "Show the reading", Fields: []field{
		{Name: "meter_id", Label: "Meter", Type: "text", Value: known.Get("meter_id"), IsRequired: true},
		{Name: "timestamp", Label: "Time of the reading", Type: "datetime-local", Value: known.Get("timestamp"), Hint: "On the hour or half hour", IsRequired: true},
	}}
	if known.Get("meter_id") == "" || known.Get("timestamp") == "" {
		return f, nil
	}
	_, err := excuse(r, s.findReading(r, known, &f), &f.Problem)
	return f, err
}

// findReading has a form show the reading that is asked for, and ask what is right if it is recorded.
func (s *site) findReading(r *http.Request, known url.Values, f *form) error {
	id, err := meter.ParseID(known.Get("meter_id"))
	if err != nil {
		return err
	}
	at, err := s.zone.ParseSlot("timestamp", known.Get("timestamp"))
	if err != nil {
		return err
	}
	around, err := s.readingsAround(r, id, at, at, known.Get("back"))
	if err != nil {
		return err
	}
	view := correctedView{ID: id, Meter: staffPath(id), At: s.moment(at), Readings: around}
	if recorded := slices.IndexFunc(around, func(row readingRow) bool { return row.IsMeant }); recorded >= 0 {
		view.Register = around[recorded].Register
	}
	if view.Register == "" {
		f.Problem = "There is no such reading: only one that is recorded can be corrected."
	} else {
		*f = form{Button: "Correct it", Fields: s.signed(correctionFields(known, view.Register), known)}
	}
	f.About, err = part("corrected", view)
	return err
}

// correctionFields ask what is right instead of a register that is recorded.
func correctionFields(known url.Values, recorded string) []field {
	return append(hidden(known, "meter_id", "timestamp"),
		field{Name: "expect", Type: "hidden", Value: recorded},
		field{Name: "correction", Label: "What is wrong", Type: "choice", Value: cmp.Or(known.Get("correction"), replaces), IsRequired: true, Options: []option{
			{replaces, "The register: it was another"},
			{withdraws, "The reading: there was none"},
		}},
		field{Name: "reading", Label: "Right register, in kWh", Type: "text", Value: known.Get("reading"), Hint: "Empty if there was none"},
	)
}

// askCorrect has one reading corrected.
func askCorrect(known url.Values) (request, error) {
	path, err := ofMeter(known, "/corrections")
	if err != nil {
		return request{}, err
	}
	one := map[string]any{"timestamp": known.Get("timestamp"), "expect": known.Get("expect"), "reading": nil}
	switch reading := known.Get("reading"); known.Get("correction") {
	case replaces:
		one["reading"] = reading
	case withdraws:
		if reading != "" {
			return request{}, meter.Invalid(meter.CodeInvalidParameter, "reading", "does not go with there having been none")
		}
	default:
		return request{}, meter.Invalid(meter.CodeInvalidParameter, "correction", "must be one of %s, %s", replaces, withdraws)
	}
	list := map[string]any{"reason": known.Get("reason"), "corrections": []any{one}}
	if by := known.Get("by"); by != "" {
		list["by"] = by
	}
	body, err := json.Marshal(list)
	return request{path: path, body: string(body)}, err
}

func (s *site) retakeForm(_ *http.Request, known url.Values) (form, error) {
	of := field{Name: "meter_id", Label: "Meter", Type: "text", Value: known.Get("meter_id"), IsRequired: true}
	return form{Fields: []field{of}, Button: "Retake them"}, nil
}

func askRetake(known url.Values) (request, error) {
	path, err := ofMeter(known, "/retake")
	return request{path: path}, err
}

func resultOfRetake(answer *reply) (result, error) {
	var tally api.BatchResult
	err := json.Unmarshal(answer.Bytes(), &tally)
	done := result{IsWhole: tally.Rejected == 0, Says: "All that was refused is recorded by now.", Facts: []fact{
		{"Recorded", strconv.Itoa(tally.Accepted)},
		{"Recorded before", strconv.Itoa(tally.Duplicates)},
		{"Still refused", strconv.Itoa(tally.Rejected)},
	}}
	switch {
	case tally.Rejected > 0:
		done.Says = "Some readings are still refused."
	case tally.Accepted+tally.Duplicates == 0:
		done.Says = "No refused reading of this meter is kept."
	}
	for _, row := range tally.Errors {
		done.Refused = append(done.Refused, refusedRow{fmt.Sprintf("Reading %d", row.Row), httpkit.Sentence(row.Detail)})
	}
	return done, err
}

// ofMeter returns a path of the api below that of the meter that is known.
func ofMeter(known url.Values, path string) (string, error) {
	id, err := meter.ParseID(known.Get("meter_id"))
	return apiMeterPath(id) + path, err
}
