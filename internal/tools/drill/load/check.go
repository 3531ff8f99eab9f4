package load

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/witness"
)

// errDiffers is why the tool fails if the api is wrong.
var errDiffers = errors.New("the api does not hold exactly what it acknowledged")

// check asks the api for the readings of some meters, and compares them with what
// it has acknowledged.
func (f *fleet) check(ctx context.Context) error {
	meters := min(f.settings.check, f.settings.meters)
	if f.settings.check == checkAll {
		meters = f.settings.meters
	}
	if meters == 0 {
		f.say("check: left out")
		return nil
	}
	findings := witness.NewFindings(f.out)
	var readings atomic.Int64
	err := caller.Each(ctx, f.callers, meters, func(ctx context.Context, _ int, c *caller.Caller, k int) error {
		i := k * f.settings.meters / meters // evenly spread
		id := f.traffic.Meters.ID(i)
		held, _, err := c.Readings(ctx, id, witness.Span{From: f.instant(f.traffic.First), To: f.instant(f.traffic.First + meter.Slot(f.traffic.Slots))})
		if err != nil {
			return fmt.Errorf("asking what the api holds of %s: %w", id, err)
		}
		log, ours := f.remember(i, held)
		readings.Add(int64(log.Counts().Told))
		findings.Violations("api", log.Check(id, witness.Always, ours))
		return nil
	})
	if err != nil {
		return err
	}
	if findings.Err() != nil {
		return fmt.Errorf("check of %s meters: %w: %s lost, %s altered, %s invented", caller.Grouped(meters), errDiffers,
			caller.Grouped(findings.Count(witness.Lost)), caller.Grouped(findings.Count(witness.Altered)),
			caller.Grouped(findings.Count(witness.Invented)+findings.Count(witness.Doubled)))
	}
	f.say("check: %s of %s meters, %s acknowledged readings: the api holds exactly these",
		caller.Grouped(meters), caller.Grouped(f.settings.meters), caller.Grouped(readings.Load()))
	return nil
}

// instant writes a slot as a query has it, with an offset that names one instant.
func (f *fleet) instant(s meter.Slot) string {
	return f.zone.Time(s).UTC().Format("2006-01-02T15:04:05Z")
}

// remember writes down what meter i was told of its readings. Of what the api holds it
// leaves out what somebody else has sent: readings of other half hours, and other
// registers for those of which nothing was acknowledged.
func (f *fleet) remember(i int, held []witness.Reading) (log *witness.Log, ours []witness.Reading) {
	log = witness.New()
	sent, id := make(map[string]witness.Reading), f.traffic.Meters.ID(i)
	for k := range f.traffic.Slots {
		n := k*f.settings.meters + i
		r := witness.Reading{Meter: id, Stamp: f.zone.Stamp(f.traffic.Slot(n)), Register: f.traffic.Register(n).String()}
		sent[r.Stamp] = r
		log.Send(r)
		switch f.fates[n] {
		case caller.Acknowledged:
			log.Acknowledge(r)
		case caller.Unsent, caller.Refused:
			log.Refuse(r)
		}
	}
	for _, r := range held {
		if own, isOurs := sent[r.Stamp]; isOurs && (log.Told(own) || own.Register == r.Register) {
			ours = append(ours, r)
		}
	}
	return log, ours
}
