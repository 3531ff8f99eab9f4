package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/traffic"
)

// workers runs work once for each connection, at the same time, and returns the
// first error.
func (f *fleet) workers(ctx context.Context, work func(ctx context.Context, number int, c *caller) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for number := range f.settings.connections {
		group.Go(func() {
			c := &caller{dial: f.dial, again: func() { f.tally.again.Add(1) }}
			defer c.close()
			if err := work(ctx, number, c); err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	return context.Cause(ctx)
}

func (f *fleet) registerAll(ctx context.Context) error {
	started := time.Now()
	var next atomic.Int64
	err := f.workers(ctx, func(ctx context.Context, _ int, c *caller) error {
		var request []byte
		for {
			i := int(next.Add(1)) - 1
			if i >= f.settings.meters {
				return nil
			}
			request = f.traffic.AppendRegistration(request[:0], i)
			answer, err := c.do(ctx, request, nil)
			if err != nil {
				return fmt.Errorf("registering %s: %w", f.traffic.Meters.ID(i), err)
			}
			if p := problemOf(answer); answer.Status != http.StatusOK && p.Code != meter.CodeMeterExists {
				return fmt.Errorf("registering %s: %s: %s", f.traffic.Meters.ID(i), p.Code, p.Detail)
			}
		}
	})
	if err != nil {
		return err
	}
	f.say("%s meters are registered, after %s", grouped(f.settings.meters), time.Since(started).Round(time.Millisecond))
	return nil
}

// sendAll sends every reading and says how it goes.
func (f *fleet) sendAll(ctx context.Context) error {
	begun := time.Now()
	together := 1
	if f.settings.mode == modeBulk {
		together = f.settings.rows
	}
	progress := f.startProgress(begun)
	var next atomic.Int64
	err := f.workers(ctx, func(ctx context.Context, number int, c *caller) error {
		s := &sender{fleet: f, caller: c, number: number}
		for {
			from := int(next.Add(int64(together))) - together
			if from >= f.traffic.Len() {
				return nil
			}
			due := f.due(begun, from)
			if err := pause(ctx, time.Until(due)); err != nil {
				return err
			}
			s.numbers = s.numbers[:0]
			for n := from; n < min(from+together, f.traffic.Len()); n++ {
				s.numbers = append(s.numbers, n)
			}
			if err := s.deliver(ctx, s.numbers, due); err != nil {
				return err
			}
		}
	})
	progress.stop()
	f.report(time.Since(begun))
	return err
}

// due returns when a reading is to be sent. At a rate that is a matter of its
// number, so that a slow api does not slow the meters down and what it makes them
// wait is seen; in a burst it is the beginning.
func (f *fleet) due(begun time.Time, n int) time.Time {
	switch {
	case f.settings.burst:
		return begun
	case f.settings.rate > 0:
		return begun.Add(time.Duration(n) * time.Second / time.Duration(f.settings.rate))
	}
	return time.Now()
}

// sender sends readings over one connection.
type sender struct {
	fleet   *fleet
	caller  *caller
	number  int
	numbers []int // of the readings that are being sent
	request []byte
	body    []byte
}

// deliver sends readings until each of them has its fate.
func (s *sender) deliver(ctx context.Context, numbers []int, due time.Time) error {
	send := s.single
	if s.fleet.settings.mode == modeBulk {
		send = s.bulk
	}
	err := send(ctx, numbers)
	if err == nil {
		s.fleet.tally.taken.Record(s.number, time.Since(due))
		return nil
	}
	for _, n := range numbers {
		if s.fleet.tally.fates[n] == unsent {
			s.fleet.tally.doubt(n)
		}
	}
	if errors.Is(err, errPatience) {
		return nil // the other readings may fare better
	}
	return err
}

func (s *sender) single(ctx context.Context, numbers []int) error {
	n := numbers[0]
	s.request = s.fleet.traffic.AppendPost(s.request[:0], n)
	answer, err := s.caller.do(ctx, s.request, nil)
	switch {
	case err != nil:
		return err
	case answer.Status != http.StatusOK:
		s.fleet.tally.refuse(n, problemOf(answer))
	default:
		s.fleet.tally.acknowledge(n)
	}
	return nil
}

// verdicts is the api's answer to a body of readings.
type verdicts struct {
	Accepted   int       `json:"accepted"`
	Duplicates int       `json:"duplicates"`
	Rejected   int       `json:"rejected"`
	Errors     []verdict `json:"errors"`
}

type verdict struct {
	Row int `json:"row"`
	problem
}

// bulk sends readings in one body, and those again that are answered "not now".
func (s *sender) bulk(ctx context.Context, numbers []int) error {
	for len(numbers) > 0 {
		v, whole, err := s.post(ctx, numbers)
		switch {
		case err != nil:
			return err
		case whole != nil:
			for _, n := range numbers {
				s.fleet.tally.refuse(n, *whole)
				s.fleet.tally.fates[n] = uncertain // the api keeps what came before the fault
			}
			return nil
		case v.Rejected > len(v.Errors): // not all are listed: sent again in parts, they are
			half := len(numbers) / 2
			if err := s.bulk(ctx, numbers[:half]); err != nil {
				return err
			}
			numbers = numbers[half:]
			continue
		}
		again, err := s.sort(numbers, v)
		if err != nil || len(again) == 0 {
			return err
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
		s.fleet.tally.again.Add(1)
		numbers = again
	}
	return nil
}

// post sends one body. whole is why the body as a whole was refused, or nil.
func (s *sender) post(ctx context.Context, numbers []int) (v verdicts, whole *problem, err error) {
	t := s.fleet.traffic
	s.body = append(s.body[:0], traffic.CSVHeader...)
	for _, n := range numbers {
		s.body = t.AppendRow(s.body, n)
	}
	s.request = t.AppendBulk(s.request[:0], len(s.body))
	answer, err := s.caller.do(ctx, s.request, s.body)
	if err != nil {
		return v, nil, err
	}
	if answer.Status != http.StatusOK {
		p := problemOf(answer)
		return v, &p, nil
	}
	if err := json.Unmarshal(answer.Body, &v); err != nil {
		return v, nil, fmt.Errorf("reading the api's verdicts: %w", err)
	}
	if sum := v.Accepted + v.Duplicates + v.Rejected; sum != len(numbers) {
		return v, nil, fmt.Errorf("the api has %d verdicts on %d readings", sum, len(numbers))
	}
	return v, nil, nil
}

// sort gives the readings of a body their fates, and returns those to be sent again.
func (s *sender) sort(numbers []int, v verdicts) (again []int, err error) {
	tally, listed := s.fleet.tally, 0
	for row, n := range numbers {
		if listed == len(v.Errors) || v.Errors[listed].Row != row+1 {
			tally.acknowledge(n)
			continue
		}
		p := v.Errors[listed].problem
		listed++
		if isPassingCode(p.Code) {
			again = append(again, n)
			continue
		}
		tally.refuse(n, p)
	}
	if listed < len(v.Errors) {
		return nil, fmt.Errorf("the api's verdicts are out of order at row %d", v.Errors[listed].Row)
	}
	return again, nil
}

// isPassingCode reports whether a row that was refused so may be taken later.
func isPassingCode(c meter.Code) bool {
	return c == meter.CodeMaintenanceRunning || c == meter.CodeOverloaded || c == meter.CodeNotReceiving
}
