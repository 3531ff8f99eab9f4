package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/caller"
	"meterledger/internal/tools/latency"
	"meterledger/internal/tools/witness"
)

const progressEvery = time.Second

// sendAll sends every reading and says how it goes.
func (f *fleet) sendAll(ctx context.Context) error {
	begun := time.Now()
	together := max(f.settings.rows, 1)
	quit := make(chan struct{})
	var progress sync.WaitGroup
	progress.Go(func() { f.tellProgress(begun, quit) })
	senders := make([]sender, len(f.callers))
	bodies := (f.traffic.Len() + together - 1) / together
	err := caller.Each(ctx, f.callers, bodies, func(ctx context.Context, number int, c *caller.Caller, i int) error {
		from := i * together
		due := f.due(begun, from)
		if err := caller.Pause(ctx, time.Until(due)); err != nil {
			return err
		}
		s := &senders[number]
		s.fleet, s.caller, s.numbers = f, c, s.numbers[:0]
		for n := from; n < min(from+together, f.traffic.Len()); n++ {
			s.numbers = append(s.numbers, n)
		}
		if err := s.deliver(ctx); err != nil {
			return err
		}
		f.taken.Record(time.Since(due))
		return nil
	})
	close(quit)
	progress.Wait()
	f.report(time.Since(begun))
	return err
}

// due returns when to send a reading. At a rate it waits for no answer, so a slow api shows in the latency.
func (f *fleet) due(begun time.Time, n int) time.Time {
	if f.settings.rate == 0 {
		return time.Now()
	}
	return begun.Add(time.Duration(n) * time.Second / time.Duration(f.settings.rate))
}

// sender sends readings over one connection.
type sender struct {
	fleet   *fleet
	caller  *caller.Caller
	numbers []int // of the readings that are being sent
	request []byte
	taken   int // of these readings
}

// deliver sends readings until each of them has its fate.
func (s *sender) deliver(ctx context.Context) error {
	send := s.single
	if s.fleet.settings.rows > 0 {
		send = s.bulk
	}
	err := send(ctx)
	for _, n := range s.numbers {
		if err != nil && s.fleet.fates[n] == caller.Unsent {
			s.fleet.fates[n] = caller.Uncertain
			s.fleet.uncertain.Add(1)
		}
	}
	if errors.Is(err, caller.ErrPatience) {
		return nil // the other readings may fare better
	}
	return err
}

func (s *sender) single(ctx context.Context) error {
	n := s.numbers[0]
	s.request = s.fleet.traffic.AppendPost(s.request[:0], n)
	answer, err := s.caller.Do(ctx, s.request, nil)
	switch {
	case err != nil:
		return err
	case answer.OK():
		s.fate(n, caller.Acknowledged, api.Problem{})
	default:
		s.fate(n, caller.Refused, answer.Problem())
	}
	return nil
}

func (s *sender) bulk(ctx context.Context) error {
	s.taken = 0
	d := caller.Delivery{Row: s.fleet.traffic.AppendRow, Fate: s.fate, Pause: caller.RowsAgain, Tries: caller.RowsTries}
	sum, err := d.Deliver(ctx, s.caller, s.numbers)
	if err == nil && sum.Accepted+sum.Duplicates != s.taken {
		err = fmt.Errorf("the api says it has %d new and %d known ones of %d readings that it took", sum.Accepted, sum.Duplicates, s.taken)
	}
	return err
}

func (s *sender) fate(n int, fate caller.Fate, why api.Problem) {
	s.fleet.fates[n] = fate
	if fate == caller.Acknowledged {
		s.taken++
		s.fleet.acknowledged.Add(1)
		return
	}
	s.fleet.refusals.Add(why)
}

func (f *fleet) tellProgress(begun time.Time, quit <-chan struct{}) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for before := int64(0); ; {
		select {
		case <-quit:
			return
		case <-ticker.C:
		}
		refused := f.refusals.Total()
		done := f.acknowledged.Load() + f.uncertain.Load() + int64(refused)
		f.say("%5s  %3d %%  %s acknowledged  %s/s  p99 %s  %s refused  %s sent again",
			time.Since(begun).Round(progressEvery), done*100/int64(f.traffic.Len()), caller.Grouped(f.acknowledged.Load()),
			caller.Grouped(done-before), latency.Short(f.taken.Summary().P99), caller.Grouped(refused), caller.Grouped(f.again.Load()))
		before = done
	}
}

// report says what came of all readings.
func (f *fleet) report(took time.Duration) {
	acknowledged := f.acknowledged.Load()
	f.say("%s readings acknowledged in %s: %s/s; %s refused, %s without a final answer, %s requests sent again",
		caller.Grouped(acknowledged), took.Round(time.Millisecond), caller.Grouped(acknowledged*int64(time.Second)/max(1, int64(took))),
		caller.Grouped(f.refusals.Total()), caller.Grouped(f.uncertain.Load()), caller.Grouped(f.again.Load()))
	f.say("from when a request was due to its final answer: %s", f.taken.Summary())
	if codes := f.refusals.Say(f.say); slices.Contains(codes, meter.CodeMeterNotFound) && !f.settings.register {
		f.say("  -register registers the meters first")
	}
}

// errDiffers is why the tool fails if the api is wrong.
var errDiffers = errors.New("the api does not hold exactly what it acknowledged")

// check asks the api for the readings of some meters, and compares them with what it has acknowledged.
func (f *fleet) check(ctx context.Context) error {
	meters := min(f.settings.check, f.settings.meters)
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
	return f.settings.zone.Time(s).UTC().Format("2006-01-02T15:04:05Z")
}

// remember returns what meter i was told, and its readings in the api that no other caller has sent.
func (f *fleet) remember(i int, held []witness.Reading) (log *witness.Log, ours []witness.Reading) {
	log = witness.New()
	sent, id := make(map[string]witness.Reading), f.traffic.Meters.ID(i)
	for k := range f.traffic.Slots {
		n := k*f.settings.meters + i
		r := witness.Reading{Meter: id, Stamp: f.settings.zone.Stamp(f.traffic.Slot(n)), Register: f.traffic.Register(n).String()}
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
