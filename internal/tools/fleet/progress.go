package main

import (
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/tools/latency"
)

const progressEvery = time.Second

// progress says once a second how far the sending has come.
type progress struct {
	quit  chan struct{}
	ended chan struct{}
}

func (f *fleet) startProgress(begun time.Time) *progress {
	p := &progress{quit: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		f.sayProgress(begun, p.quit)
	}()
	return p
}

// stop returns when nothing more is said.
func (p *progress) stop() {
	close(p.quit)
	<-p.ended
}

func (f *fleet) sayProgress(begun time.Time, quit <-chan struct{}) {
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for before := int64(0); ; {
		select {
		case <-quit:
			return
		case <-ticker.C:
		}
		t := f.tally
		done := t.acknowledged.Load() + t.refused.Load() + t.uncertain.Load()
		f.say("%5s  %3d %%  %s acknowledged  %s/s  p99 %s  %s refused  %s sent again",
			time.Since(begun).Round(progressEvery), done*100/int64(f.traffic.Len()), grouped(t.acknowledged.Load()),
			grouped(done-before), latency.Short(t.taken.Summary().P99), grouped(t.refused.Load()), grouped(t.again.Load()))
		before = done
	}
}

// report says what came of all readings.
func (f *fleet) report(took time.Duration) {
	t := f.tally
	acknowledged := t.acknowledged.Load()
	f.say("%s readings acknowledged in %s: %s/s; %s refused, %s without a final answer, %s requests sent again",
		grouped(acknowledged), took.Round(time.Millisecond), grouped(acknowledged*int64(time.Second)/max(1, int64(took))),
		grouped(t.refused.Load()), grouped(t.uncertain.Load()), grouped(t.again.Load()))
	what := "a reading"
	if f.settings.mode == modeBulk {
		what = "a body of " + grouped(f.settings.rows)
	}
	f.say("from when %s was due to its final answer: %s", what, t.taken.Summary())
	for _, code := range t.refusedCodes() {
		r := t.codes[code]
		f.say("  refused %s with %s, such as: %s", grouped(r.count), code, r.detail)
		if code == meter.CodeMeterNotFound && !f.settings.register {
			f.say("  -register registers the meters first")
		}
	}
}
