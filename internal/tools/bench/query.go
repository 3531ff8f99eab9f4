package main

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"

	"meterledger/internal/meter"
	"meterledger/internal/tools/traffic"
)

const queryConnections = 64

// questions returns what writes the same question for one meter after another.
func questions(t *traffic.Traffic, path, more string) func([]byte) []byte {
	var next atomic.Int64
	return func(b []byte) []byte { return t.AppendQuestion(b, path, int(next.Add(1))%t.Meters.Len(), more) }
}

// window is a span of time as a query has it.
func (b *bench) window(from, to meter.Slot) string {
	return "&start=" + url.QueryEscape(b.zone.Stamp(from)) + "&end=" + url.QueryEscape(b.zone.Stamp(to))
}

// consumptions returns what asks for the consumption of a day.
func (b *bench) consumptions(t *traffic.Traffic, from meter.Slot) func([]byte) []byte {
	return questions(t, "/get_consumption", "&period=custom"+b.window(from, from+meter.SlotsPerDay))
}

// consumption measures get_consumption against the same router's constant.
func consumption(ctx context.Context, b *bench) ([]line, error) {
	ours, err := b.api(ctx)
	if err != nil {
		return nil, err
	}
	from := b.past(2)
	t, err := ours.traffic(b.sizes.consumptionMeters, from, 2*meter.SlotsPerDay)
	if err != nil {
		return nil, err
	}
	if err := ours.settle(ctx, t); err != nil {
		return nil, err
	}
	next := b.consumptions(t, from)
	answer, err := ours.answerTo(ctx, next(nil))
	if err != nil {
		return nil, err
	}
	connections := min(queryConnections, b.sizes.connectionsMax)
	c, err := b.against(ctx, ours, connections, next, answer)
	if err != nil {
		return nil, err
	}
	l := c.line(fmt.Sprintf("get_consumption of a day, %d connections", connections), "the same router answering a constant", "/s", ratioAtLeast(0.9))
	l.Note = c.note()
	return []line{l}, nil
}

// series measures a month of half hours of one meter against a constant answer of
// the same bytes.
func series(ctx context.Context, b *bench) ([]line, error) {
	ours, err := b.api(ctx)
	if err != nil {
		return nil, err
	}
	slots := b.sizes.seriesSlots
	from := b.past(slots/meter.SlotsPerDay + 1)
	t, err := ours.traffic(b.sizes.seriesMeters, from, slots+1) // the last one closes the last half hour
	if err != nil {
		return nil, err
	}
	if err := ours.settle(ctx, t); err != nil {
		return nil, err
	}
	next := questions(t, "/get_readings", fmt.Sprintf("%s&page_size=%d", b.window(from, from+meter.Slot(slots)), slots))
	answer, err := ours.answerTo(ctx, next(nil))
	if err != nil {
		return nil, err
	}
	connections := min(queryConnections, b.sizes.connectionsMax)
	c, err := b.against(ctx, ours, connections, next, answer)
	if err != nil {
		return nil, err
	}
	l := c.inverse().line(fmt.Sprintf("series of %d half hours, %d connections", slots, connections),
		fmt.Sprintf("the same router answering a constant of as many bytes (%s)", count(len(answer.Body))), "ms each", ratioAtMost(1.5))
	l.Note = c.note()
	return []line{l}, nil
}
