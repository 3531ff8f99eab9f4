package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
	"meterledger/internal/meter"
	"meterledger/internal/rules"
)

// correctionBytesMax is the largest list of corrections: some 400 bytes for each.
const correctionBytesMax = 4 << 20

// correctionRequest is a list of corrections, all of which are taken or none. The meter
// stands in the path, the rest is one JSON object.
type correctionRequest struct {
	Reason string `param:"reason,required" validate:"text,seen"`
	By     string `param:"by" validate:"omitempty,text,seen"`

	corrections []ledger.Correction
}

// correct replaces or withdraws readings.
func (a *app) correct(w http.ResponseWriter, r *http.Request) error {
	var path struct {
		Meter meter.ID `path:"meter_id"`
	}
	if err := httpkit.BindQuery(r, a.zone, &path); err != nil {
		return err
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	encoding := r.Header.Get("Content-Encoding")
	if err != nil || media != typeJSON || encoding != "" && !strings.EqualFold(encoding, "identity") {
		return meter.Errorf(meter.KindUnsupportedMedia, meter.CodeUnsupportedMedia, "corrections are taken as %s, as it is", typeJSON)
	}
	body, err := httpkit.ReadBody(r, correctionBytesMax)
	if err != nil {
		return err
	}
	q, err := parseCorrections(body, a.zone)
	if err != nil {
		return err
	}
	by, err := author(r.Context(), q.By)
	if err != nil {
		return err
	}
	httpkit.Note(r.Context(), "by", by)
	if err := a.ledger.Correct(r.Context(), path.Meter, q.corrections, q.Reason, by); err != nil {
		return err
	}
	answer := api.Corrected{Success: true, Message: "Readings successfully corrected"}
	for _, c := range q.corrections {
		if c.Reading == nil {
			answer.Withdrawn++
		} else {
			answer.Corrected++
		}
	}
	httpkit.WriteJSON(w, http.StatusOK, answer)
	return nil
}

// parseCorrections reads a list strictly: a member that is unknown or given twice may be what
// the sender means.
func parseCorrections(body []byte, zone *meter.Zone) (q correctionRequest, err error) {
	body = bytes.TrimPrefix(body, []byte(meter.ByteOrderMark))
	if !utf8.Valid(body) {
		return q, meter.Invalid(meter.CodeInvalidParameter, "", "the JSON is not valid UTF-8")
	}
	p := correctionParser{json.NewDecoder(bytes.NewReader(body)), zone}
	p.UseNumber()
	err = p.object("", map[string]func(string) error{
		"reason":      p.text(&q.Reason),
		"by":          p.text(&q.By),
		"corrections": func(string) (err error) { q.corrections, err = p.list(); return err },
	}, "reason", "corrections")
	if err != nil {
		return q, err
	}
	if _, err := p.Token(); !errors.Is(err, io.EOF) {
		return q, meter.Invalid(meter.CodeInvalidParameter, "", "something follows the JSON object")
	}
	return q, rules.Check(&q)
}

// correctionParser reads JSON token by token: decoding into structs would hide repeated names
// and round numbers.
type correctionParser struct {
	*json.Decoder

	zone *meter.Zone
}

// list reads the corrections.
func (p correctionParser) list() (all []ledger.Correction, err error) {
	if err := p.delimiter('[', "corrections"); err != nil {
		return nil, err
	}
	for p.More() {
		if len(all) == ledger.CorrectionsMax {
			return nil, meter.Invalid(meter.CodeInvalidParameter, "corrections", "are more than %d", ledger.CorrectionsMax)
		}
		var c ledger.Correction
		err := p.object(fmt.Sprintf("corrections[%d]", len(all)), map[string]func(string) error{
			"timestamp": func(field string) error { return p.timestamp(field, &c.Slot) },
			"expect":    func(field string) error { return p.register(field, &c.Expect) },
			"reading":   func(field string) error { return p.reading(field, &c) },
		}, "timestamp", "reading", "expect")
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, meter.Invalid(meter.CodeInvalidParameter, "corrections", "are none")
	}
	return all, p.delimiter(']', "corrections")
}

// object reads an object with members of these names, of which some are required.
func (p correctionParser) object(name string, members map[string]func(field string) error, required ...string) error {
	if err := p.delimiter('{', name); err != nil {
		return err
	}
	given := make(map[string]bool)
	for p.More() {
		token, err := p.Token()
		member, isName := token.(string)
		if err != nil || !isName {
			return errBrokenJSON
		}
		field := strings.TrimPrefix(name+"."+member, ".")
		read, known := members[member]
		switch {
		case !known:
			return meter.Invalid(meter.CodeInvalidParameter, "", "%.60q is not known here", field)
		case given[member]:
			return meter.Invalid(meter.CodeInvalidParameter, field, "is given more than once")
		}
		given[member] = true
		if err := read(field); err != nil {
			return err
		}
	}
	if err := p.delimiter('}', name); err != nil {
		return err
	}
	for _, member := range required {
		if !given[member] {
			return meter.Invalid(meter.CodeInvalidParameter, strings.TrimPrefix(name+"."+member, "."), "is missing")
		}
	}
	return nil
}

var errBrokenJSON = meter.Invalid(meter.CodeInvalidParameter, "",
	`what was sent is not one whole JSON object such as {"reason":"…","corrections":[{"timestamp":"2026-11-23T05:00:00","reading":3.5,"expect":5.3}]}`)

func (p correctionParser) delimiter(want json.Delim, field string) error {
	token, err := p.Token()
	switch {
	case err == nil && token == want:
		return nil
	case err == nil && want == '[':
		return meter.Invalid(meter.CodeInvalidParameter, field, "must be a list")
	case err == nil && field != "" && want == '{':
		return meter.Invalid(meter.CodeInvalidParameter, field, "must be an object")
	}
	return errBrokenJSON
}

// scalar reads a string or, if numbers is set, a number as it was written; given is false for
// null.
func (p correctionParser) scalar(field string, numbers bool) (text string, given bool, err error) {
	token, err := p.Token()
	if err != nil {
		return "", false, errBrokenJSON
	}
	kinds := "a string"
	if numbers {
		kinds = "a number or a string"
	}
	switch token := token.(type) {
	case nil:
		return "", false, nil
	case string:
		if !strings.ContainsRune(token, utf8.RuneError) { // what the decoder makes of half a surrogate pair
			return token, true, nil
		}
		return "", false, meter.Invalid(meter.CodeInvalidParameter, field, "is not valid UTF-8")
	case json.Number:
		if numbers {
			return token.String(), true, nil
		}
	}
	return "", false, meter.Invalid(meter.CodeInvalidParameter, field, "must be %s", kinds)
}

// value is scalar for what cannot be null.
func (p correctionParser) value(field string, numbers bool) (string, error) {
	text, given, err := p.scalar(field, numbers)
	if err == nil && !given {
		err = meter.Invalid(meter.CodeInvalidParameter, field, "must not be null")
	}
	return text, err
}

func (p correctionParser) text(into *string) func(string) error {
	return func(field string) (err error) {
		if *into, err = p.value(field, false); err == nil && *into == "" {
			err = meter.Invalid(meter.CodeInvalidParameter, field, "is empty")
		}
		return err
	}
}

func (p correctionParser) timestamp(field string, into *meter.Slot) error {
	text, err := p.value(field, false)
	if err == nil {
		*into, err = p.zone.ParseSlot(field, text)
	}
	return err
}

func (p correctionParser) register(field string, into *meter.Register) error {
	text, err := p.value(field, true)
	if err == nil {
		*into, err = meter.ParseReading(field, text)
	}
	return err
}

func (p correctionParser) reading(field string, into *ledger.Correction) error {
	text, given, err := p.scalar(field, true)
	if err != nil || !given {
		return err
	}
	register, err := meter.ParseReading(field, text)
	into.Reading = &register
	return err
}
