package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"

	"meterledger/internal/meter"
)

// differences counts the readings that the api does not hold as it should.
type differences struct {
	lost     atomic.Int64 // acknowledged and not there
	altered  atomic.Int64 // acknowledged and there with another register
	invented atomic.Int64 // there and not acknowledged
}

// told is how many differences are told one by one; all are counted.
const told = 10

// errDiffers is why the tool fails where the api is wrong.
var errDiffers = errors.New("the api does not hold exactly what it acknowledged")

// check asks the api for the readings of some meters, and compares them with what
// it has acknowledged.
func (f *fleet) check(ctx context.Context) error {
	meters := f.settings.check
	if meters == checkAll {
		meters = f.settings.meters
	}
	meters = min(meters, f.settings.meters)
	if meters == 0 {
		f.say("check: left out")
		return nil
	}
	var d differences
	var next, readings atomic.Int64
	err := f.workers(ctx, func(ctx context.Context, _ int, c *caller) error {
		for {
			k := int(next.Add(1)) - 1
			if k >= meters {
				return nil
			}
			i := k * f.settings.meters / meters // evenly spread
			held, err := f.held(ctx, c, i)
			if err != nil {
				return fmt.Errorf("asking what the api holds of %s: %w", f.traffic.Meters.ID(i), err)
			}
			readings.Add(f.compare(i, held, &d))
		}
	})
	if err != nil {
		return err
	}
	lost, altered, invented := d.lost.Load(), d.altered.Load(), d.invented.Load()
	if lost+altered+invented > 0 {
		return fmt.Errorf("check of %s meters: %w: %s lost, %s altered, %s invented",
			grouped(meters), errDiffers, grouped(lost), grouped(altered), grouped(invented))
	}
	f.say("check: %s of %s meters, %s acknowledged readings: the api holds exactly these",
		grouped(meters), grouped(f.settings.meters), grouped(readings.Load()))
	return nil
}

// held asks for the readings of meter i in the half hours that were sent.
func (f *fleet) held(ctx context.Context, c *caller, i int) (map[meter.Slot]meter.KWh, error) {
	window := fmt.Sprintf("&start=%s&end=%s&format=csv", f.stamp(f.traffic.First), f.stamp(f.traffic.First+meter.Slot(f.traffic.Slots)))
	answer, err := c.do(ctx, f.traffic.AppendQuestion(nil, "/get_readings", i, window), nil)
	if err != nil {
		return nil, err
	}
	held := map[meter.Slot]meter.KWh{}
	if answer.Status == http.StatusNotFound {
		return held, nil // an unknown meter has no readings
	}
	if p := problemOf(answer); answer.Status != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", p.Code, p.Detail)
	}
	rows, err := meter.NewCSVReader(bytes.NewReader(answer.Body), f.zone)
	if err != nil {
		return nil, err
	}
	for {
		reading, err := rows.Next()
		if errors.Is(err, io.EOF) {
			return held, nil
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", rows.Row(), err)
		}
		held[reading.Slot] = reading.Register
	}
}

// stamp writes a slot as a query has it, with an offset that names one instant.
func (f *fleet) stamp(s meter.Slot) string {
	return f.zone.Time(s).UTC().Format("2006-01-02T15:04:05Z")
}

// compare holds what the api has of meter i against what it acknowledged, and
// returns how many readings that were.
func (f *fleet) compare(i int, held map[meter.Slot]meter.KWh, d *differences) (count int64) {
	for k := range f.traffic.Slots {
		n := k*f.settings.meters + i
		slot, sent := f.traffic.Slot(n), f.traffic.Register(n)
		register, there := held[slot]
		switch f.tally.fates[n] {
		case acknowledged:
			count++
			if !there {
				f.differ(&d.lost, "%s of %s was acknowledged and is lost", i, slot)
			} else if register != sent {
				f.differ(&d.altered, "%s of %s was acknowledged as %s kWh and is %s kWh", i, slot, sent, register)
			}
		case refused, unsent:
			if there && register == sent {
				f.differ(&d.invented, "%s of %s is there and was never acknowledged", i, slot)
			}
		case uncertain: // it may be there or not
		}
	}
	return count
}

func (f *fleet) differ(counter *atomic.Int64, format string, i int, slot meter.Slot, registers ...any) {
	if counter.Add(1) <= told {
		f.say("  "+format, append([]any{f.traffic.Meters.ID(i), f.zone.Stamp(slot)}, registers...)...)
	}
}
