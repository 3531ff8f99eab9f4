package rest

import (
	"encoding/json"
	"net/http"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
	"meterledger/internal/query"
	"meterledger/internal/rules"
	"meterledger/internal/vee"
)

type consumptionRequest struct {
	Meter    meter.ID         `param:"meter_id,required" validate:"-"`
	Period   query.WindowName `param:"period,required" oneof:"last_30min today this_week this_month last_month custom" validate:"-"`
	Start    meter.Bound      `param:"start" validate:"when=Period custom"`
	End      meter.Bound      `param:"end" validate:"when=Period custom"`
	Compare  string           `param:"compare" oneof:"none previous" validate:"-"`
	Estimate estimate         `param:"estimate" oneof:"none linear auto" validate:"-"`
	Numbers  numberForm       `param:"numbers" oneof:"number string" validate:"-"`
}

// Check makes sure that the rules hold.
func (q *consumptionRequest) Check() error { return rules.Check(q) }

func (a *app) consumption(w http.ResponseWriter, r *http.Request, q *consumptionRequest) error {
	custom := meter.Window{From: meter.Slot(q.Start), To: meter.Slot(q.End)}
	if q.Period == query.Custom && isEmpty(custom) {
		return errEndsEarly()
	}
	reader := a.readerOf(r.Context())
	window, err := reader.Window(q.Meter, q.Period, custom)
	if err != nil {
		return err
	}
	asked, compared := window, q.Compare == "previous"
	if compared {
		asked.From = query.WindowBefore(window).From
	}
	mode := q.Estimate.mode()
	state, closed, err := reader.ClosedFingerprint(q.Meter, asked, mode)
	if err != nil || closed && notModified(w, r, typeJSON, state[:]) {
		return err
	}
	c, err := reader.Consumption(q.Meter, window, mode)
	if err != nil {
		return err
	}
	answer := api.PeriodConsumption{Usage: a.usage(q.Meter, string(q.Period), c), Terms: a.terms, Certainty: certainties[c.Source()]}
	if compared {
		before, err := reader.Before(q.Meter, window, mode)
		if err != nil {
			return err
		}
		answer.Previous = a.previous(before, c)
	}
	o := objects.Get().(*object)
	defer objects.Put(o)
	*o = appendConsumption((*o)[:0], &answer)
	httpkit.WriteEncoded(w, http.StatusOK, q.Numbers.encode(*o))
	return nil
}

// appendConsumption writes an answer into an empty object. Changes of dials and the period before, which few answers have,
// are left to encoding/json, and with them the whole.
func appendConsumption(o object, a *api.PeriodConsumption) object {
	if len(a.RegisterChanges) > 0 || a.Previous != nil {
		return append(o, httpkit.Encode(a)...)
	}
	return o.text("meter_id", string(a.MeterID)).text("period", a.Period).
		register("start_reading", a.StartReading).register("end_reading", a.EndReading).energy("consumption", a.Consumption).
		text("start_time", a.StartTime).text("end_time", a.EndTime).
		count("readings", a.Readings).count("expected_readings", a.ExpectedReadings).is("complete", a.Complete).
		text("timezone", a.Timezone).text("unit", a.Unit).
		word("quality", a.Quality).word("method", a.Method).end()
}

func isEmpty(w meter.Window) bool { return w.To <= w.From }

func errEndsEarly() error {
	return meter.Invalid(meter.CodeInvalidParameter, "end", "must be after start")
}

// certainties are what answers say of energy, by how it is known.
var certainties = func() (all [vee.Sources]api.Certainty) {
	for i := range all {
		if quality := vee.Source(i).Quality(); quality != "" {
			all[i].Quality = new(string(quality))
		}
		if method := vee.Source(i).Method(); method != "" {
			all[i].Method = new(string(method))
		}
	}
	return all
}()

// usage is the answer about what a meter used in a period.
func (a *app) usage(id meter.ID, period string, c query.Consumption) api.Usage {
	return api.Usage{
		MeterID: id, Period: period,
		StartReading: c.Start.Register, EndReading: c.End.Register, Consumption: c.Energy(),
		StartTime: a.zone.Stamp(c.Start.Slot), EndTime: a.zone.Stamp(c.End.Slot),
		Readings: c.Readings, ExpectedReadings: c.Expected, Complete: c.Complete(),
		RegisterChanges: registerChanges(a.zone, c.Changes()),
	}
}

func (a *app) previous(before query.Comparison, since query.Consumption) *api.PreviousConsumption {
	answer := &api.PreviousConsumption{
		Start: a.zone.Stamp(before.Window.From), End: a.zone.Stamp(before.Window.To),
		Readings: before.Readings, ExpectedReadings: before.Expected, Complete: before.Complete(),
	}
	if !before.Known() {
		return answer
	}
	answer.StartReading, answer.EndReading = &before.Start.Register, &before.End.Register
	answer.StartTime, answer.EndTime = new(a.zone.Stamp(before.Start.Slot)), new(a.zone.Stamp(before.End.Slot))
	answer.RegisterChanges = registerChanges(a.zone, before.Changes())
	answer.Consumption, answer.Difference = new(before.Energy()), new(before.Difference(since))
	answer.Certainty = certainties[before.Source()]
	if percent, known := before.Percent(since); known {
		answer.Percent = new(json.Number(percent.String()))
	}
	return answer
}
