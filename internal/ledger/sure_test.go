package ledger

import (
	"context"
	"errors"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// farOrder is the order of a node whose state lies behind those of others until it asks.
type farOrder struct {
	order
	elsewhere func() error // was answered at another node before: it is applied here behind a barrier
	asked     int          // barriers
	isCutOff  bool         // the others do not answer
}

func (o *farOrder) waitMax() time.Duration { return 10 * time.Second }

func (o *farOrder) confirm(context.Context) (changed bool, err error) {
	o.asked++
	if o.isCutOff {
		return false, errors.New("no answer")
	}
	if apply := o.elsewhere; apply != nil {
		o.elsewhere = nil
		return true, apply()
	}
	return true, nil
}

// openFar opens a ledger that is not alone.
func openFar(t *testing.T) (*Ledger, *farOrder) {
	t.Helper()
	l := openLedger(t)
	l.committer.stop()
	o := &farOrder{order: newAlone(l.journal, l.metrics)}
	l.committer = newCommitter(l.store, l.journal.End(), l.space, l.stall, l.clock, l.memory, &l.snapshots.growth)
	l.committer.order = o
	l.committer.start()
	return l, o
}

// unsureAnswer is a question whose refusal is wrong once what came elsewhere is known.
type unsureAnswer struct {
	before    func(l *Ledger) error // what is known everywhere; nil for nothing
	elsewhere func(l *Ledger) error
	ask       func(l *Ledger) error
	refused   meter.Code
}

// test asks at three nodes: one that has no quorum, one that has missed nothing, and one that has.
func (u unsureAnswer) test(t *testing.T) {
	for name, set := range map[string]func(l *Ledger, o *farOrder) (want meter.Code){
		"cut off": func(_ *Ledger, o *farOrder) meter.Code { o.isCutOff = true; return meter.CodeNotReady },
		"abreast": func(*Ledger, *farOrder) meter.Code { return u.refused },
		"behind": func(l *Ledger, o *farOrder) meter.Code {
			o.elsewhere = func() error { return u.elsewhere(l) }
			return ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, o := openFar(t)
			if u.before != nil {
				if err := u.before(l); err != nil {
					t.Fatal(err)
				}
			}
			o.asked = 0
			want := set(l, o)
			err := u.ask(l)
			if o.asked != 1 {
				t.Errorf("%d barriers served the question", o.asked)
			}
			if want == "" && err != nil || want != "" && meter.CodeOf(err) != want {
				t.Errorf("it was answered %v, want %q", err, want)
			}
			if refused, ok := errors.AsType[*meter.Error](err); o.isCutOff && (!ok || refused.Reason != meter.ReasonNoQuorum || refused.RetryAfter != 2*time.Second) {
				t.Errorf("without a quorum it was answered %+v", err)
			}
		})
	}
}

func testSure(t *testing.T, questions map[string]unsureAnswer) {
	for name, question := range questions {
		t.Run(name, question.test)
	}
}

func kWh(n int64) meter.Register {
	r, _ := meter.RegisterFromParts(n, 0)
	return r
}

func registerA(l *Ledger) error { return l.Register(context.Background(), "A", "Tan", "Road") }

// sendA records a reading of A in a half hour, counted back from the present one.
func sendA(l *Ledger, back meter.Slot, register int64) error {
	_, err := l.Record(context.Background(), meter.Reading{Meter: "A", Slot: l.zone.Floor(l.now()) - back, Register: kWh(register)})
	return err
}

func all(steps ...func(*Ledger) error) func(*Ledger) error {
	return func(l *Ledger) error {
		for _, step := range steps {
			if err := step(l); err != nil {
				return err
			}
		}
		return nil
	}
}

func sent(back meter.Slot, register int64) func(*Ledger) error {
	return func(l *Ledger) error { return sendA(l, back, register) }
}

func shutDown(l *Ledger) error { return l.Shutdown(context.Background()) }
func resume(l *Ledger) error   { return l.Resume(context.Background()) }

// heldHalfHour holds back the present half hour.
var heldHalfHour = store.HoldID{Term: store.Alone.Number, Incarnation: 1, Number: 1}

func hold(l *Ledger) error {
	slot := l.zone.Floor(l.now())
	_, err := l.Ask(context.Background(), store.AppendHold(nil, store.Hold{ID: heldHalfHour, Window: meter.Window{From: slot, To: slot}}), 1)
	return err
}

func free(l *Ledger) error {
	_, err := l.Ask(context.Background(), store.AppendFree(nil, heldHalfHour), 1)
	return err
}

// exchangeA exchanges the dial of A some half hours ago.
func exchangeA(l *Ledger, back meter.Slot, replaced int64) error {
	at := (l.zone.Floor(l.now()) - back).Instant()
	_, err := l.Exchange(context.Background(), "A", meter.Change{At: at, Kind: meter.Exchange, Old: kWh(replaced)}, false)
	return err
}

func correctA(l *Ledger, was, is int64) error {
	right := kWh(is)
	c := Correction{Slot: l.zone.Floor(l.now()), Expect: kWh(was), Reading: &right}
	return l.Correct(context.Background(), "A", []Correction{c}, "a wrong dial", "Lim")
}

func TestARefusalOfWhatIsKnownElsewhereIsNone(t *testing.T) {
	testSure(t, map[string]unsureAnswer{
		"a registration after reception was resumed": {before: shutDown, elsewhere: resume, ask: registerA, refused: meter.CodeNotReceiving},
		"an owner of a new meter": {
			elsewhere: registerA, refused: meter.CodeMeterNotFound,
			ask: func(l *Ledger) error { return l.SetOwner(context.Background(), "A", "Lim", "Street", "") },
		},
		"limits of a new meter": {
			elsewhere: registerA, refused: meter.CodeMeterNotFound,
			ask: func(l *Ledger) error {
				return l.SetLimits(context.Background(), "A", meter.Limits{RollsOverAt: kWh(1000)}, "")
			},
		},
		"an exchange of a new meter": {
			elsewhere: registerA, refused: meter.CodeMeterNotFound,
			ask: func(l *Ledger) error { return exchangeA(l, 1, 5) },
		},
		"an exchange in the place of one that was taken back": {
			before: all(registerA, func(l *Ledger) error {
				for n := range exchangesMax {
					if err := exchangeA(l, meter.Slot(n+1), 0); err != nil {
						return err
					}
				}
				return nil
			}),
			elsewhere: func(l *Ledger) error {
				return l.TakeBack(context.Background(), "A", (l.zone.Floor(l.now()) - 1).Instant(), "")
			},
			ask: func(l *Ledger) error { return exchangeA(l, 0, 0) }, refused: meter.CodeInvalidParameter,
		},
		"an exchange of a new meter that is taken back": {
			elsewhere: all(registerA, func(l *Ledger) error { return exchangeA(l, 1, 5) }), refused: meter.CodeMeterNotFound,
			ask: func(l *Ledger) error {
				return l.TakeBack(context.Background(), "A", (l.zone.Floor(l.now()) - 1).Instant(), "")
			},
		},
		"a correction of a new meter": {
			elsewhere: all(registerA, sent(0, 5)), refused: meter.CodeMeterNotFound,
			ask: func(l *Ledger) error { return correctA(l, 5, 6) },
		},
		"a correction of what was corrected": {
			before: all(registerA, sent(0, 5)), elsewhere: func(l *Ledger) error { return correctA(l, 5, 6) },
			ask: func(l *Ledger) error { return correctA(l, 6, 7) }, refused: meter.CodeReadingConflict,
		},
		"a correction after a hold": {
			before: all(registerA, sent(0, 5), hold), elsewhere: free,
			ask: func(l *Ledger) error { return correctA(l, 5, 6) }, refused: meter.CodeMaintenanceRunning,
		},
		"a credential for a new meter": {
			elsewhere: registerA, refused: meter.CodeMeterNotFound,
			ask: func(l *Ledger) error {
				return l.Issue(context.Background(), meter.Credential{ID: meter.NewCredentialID(), Role: meter.RoleMeter, Scope: meter.Scope{Meters: []meter.ID{"A"}}})
			},
		},
		"a retake of a new meter": {
			elsewhere: registerA, refused: meter.CodeMeterNotFound,
			ask: func(l *Ledger) error { _, err := l.Retake(context.Background(), "A"); return err },
		},
		"a retake after reception was resumed": {
			before: all(registerA, shutDown), elsewhere: resume, refused: meter.CodeNotReceiving,
			ask: func(l *Ledger) error { _, err := l.Retake(context.Background(), "A"); return err },
		},
		"a shutdown after reception was resumed": {before: shutDown, elsewhere: resume, ask: shutDown, refused: meter.CodeAlreadyShutDown},
		"a resumption after a shutdown":          {elsewhere: shutDown, ask: resume, refused: meter.CodeAlreadyReceiving},
	})
}

func TestWhatIsNotOfTheStateNeedsNoBarrier(t *testing.T) {
	for name, ask := range map[string]func(*Ledger) error{
		"a registration": registerA,
		"a registration without room for a meter": func(l *Ledger) error {
			l.meterRoom.max = 1
			return all(registerA, func(l *Ledger) error { return l.Register(context.Background(), "B", "Lim", "Road") })(l)
		},
		"a correction that says nothing": all(registerA, func(l *Ledger) error { return correctA(l, 5, 5) }),
		"a credential that has expired": func(l *Ledger) error {
			return l.Issue(context.Background(), meter.Credential{ID: meter.NewCredentialID(), Role: meter.RoleOperator, ExpiresAt: l.now()})
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, o := openFar(t)
			o.isCutOff = true
			if err := ask(l); o.asked > 0 || meter.ReasonOf(err) == meter.ReasonNoQuorum {
				t.Errorf("%d barriers: %v", o.asked, err)
			}
		})
	}
}

// TestALimitThatIsNotGivenStaysAsAnotherNodeHasSetIt changes one of the two while the other is changed elsewhere, among nodes of
// older programs.
func TestALimitThatIsNotGivenStaysAsAnotherNodeHasSetIt(t *testing.T) {
	l, o := openFar(t)
	set := func(limits meter.Limits) error { return l.SetLimits(context.Background(), "A", limits, "") }
	if err := errors.Join(registerA(l), set(meter.Limits{RollsOverAt: kWh(1000)})); err != nil {
		t.Fatal(err)
	}
	want := meter.Limits{RollsOverAt: kWh(2000), MaxKW: meter.Power(kWh(5))}
	change := meter.SomeLimits{RollsOverAt: &want.RollsOverAt}
	o.isCutOff = true
	if err := l.changeAll(t.Context(), "A", change, ""); meter.ReasonOf(err) != meter.ReasonNoQuorum {
		t.Errorf("cut off, it was answered %v", err)
	}
	o.isCutOff, o.elsewhere = false, func() error { return set(meter.Limits{RollsOverAt: kWh(1000), MaxKW: want.MaxKW}) }
	if err := l.changeAll(t.Context(), "A", change, ""); err != nil {
		t.Error(err)
	}
	if _, got := l.store.Life(0); got != want {
		t.Errorf("the limits are %+v", got)
	}
	if err := l.changeAll(t.Context(), "B", change, ""); meter.CodeOf(err) != meter.CodeMeterNotFound {
		t.Errorf("of an unknown meter: %v", err)
	}
}
