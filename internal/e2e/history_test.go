package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// TestEachMeterDoesOneThingAfterAnother has callers post to and query a few meters
// at the same time, while their months are closed, archived again and restored, and
// the api is killed, stopped and started again. For each meter there must be an
// order of everything that was done which explains every answer. What was not
// answered may stand anywhere in it, or not at all.
func TestEachMeterDoesOneThingAfterAnother(t *testing.T) {
	const (
		callers = 6
		rounds  = 10
		asked   = 600 // requests in a round, at which the api is ended
	)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	h := newHistorian(t)
	for round := range rounds {
		h.end = h.api.Kill
		if round == rounds/2 {
			h.end = h.api.Stop
		}
		h.register()
		h.left.Store(asked)
		h.over.Store(false)
		var group sync.WaitGroup
		group.Go(func() { h.operate(rand.New(rand.NewPCG(seed, uint64(round)))) })
		for caller := range callers {
			number := round*callers + caller
			group.Go(func() { h.call(number, rand.New(rand.NewPCG(seed, uint64(1000+number)))) })
		}
		group.Wait()
		h.connections.CloseIdleConnections()
		if err := h.api.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for m := range h.histories {
		if _, err := h.query(m, rounds*callers); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.api.Stop(); err != nil {
		t.Error(err)
	}
	h.judge()
}

// historian does things to an api and writes down what came of them.
type historian struct {
	t           *testing.T
	api         *programs.Program
	client      *client.Client
	http        *http.Client
	connections *http.Transport
	months      []meter.Month // two that have ended, one after the other
	stamps      [pointsMax]string
	begun       time.Time

	left atomic.Int64 // requests until the api is ended
	end  func() error
	over atomic.Bool // it has been ended

	histories []*meterHistory
}

type meterHistory struct {
	mu   sync.Mutex // guards operations
	id   meter.ID
	done []porcupine.Operation
}

func newHistorian(t *testing.T) *historian {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 10}
	h := &historian{t: t, connections: transport, begun: time.Now()}
	h.api, h.http = startAPI(t, transport)
	base, err := url.Parse(h.api.URL)
	if err != nil {
		t.Fatal(err)
	}
	h.client = client.New(base, h.http)
	h.stamps, h.months = turnOfMonth(t)
	return h
}

// freshMeters is how many meters each round adds: those of earlier rounds have little
// left to record.
const freshMeters = 4

func (h *historian) register() {
	h.t.Helper()
	for range freshMeters {
		id := meter.ID(fmt.Sprintf("M%d", len(h.histories)))
		if err := h.client.RegisterAccount(h.t.Context(), id, "Owner", "Road"); err != nil {
			h.t.Fatal(err)
		}
		h.histories = append(h.histories, &meterHistory{id: id})
	}
}

// anyMeter is one of the fresh ones, most of the time.
func (h *historian) anyMeter(chance *rand.Rand) int {
	if chance.IntN(10) == 0 {
		return chance.IntN(len(h.histories))
	}
	return len(h.histories) - 1 - chance.IntN(freshMeters)
}

// turnOfMonth returns half hours on both sides of the turn of a month, so that neighbours lie in
// different archives, and the two months, which have ended.
func turnOfMonth(t *testing.T) (stamps [pointsMax]string, months []meter.Month) {
	t.Helper()
	now := time.Now().In(loadSingapore(t))
	turn := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, now.Location())
	for point := range stamps {
		stamps[point] = turn.Add(time.Duration(point-pointsMax/2) * halfHour).Format(stampLayout)
	}
	this := meter.Month{Year: now.Year(), Month: now.Month()}
	return stamps, []meter.Month{this.Add(-2), this.Add(-1)}
}

// call posts and queries until the api ends. Whoever makes the last request of a
// round ends it, while the others go on.
func (h *historian) call(number int, chance *rand.Rand) {
	for !h.over.Load() {
		if h.left.Add(-1) == 0 {
			if err := h.end(); err != nil {
				h.t.Error(err)
			}
			h.over.Store(true)
			return
		}
		if err := h.step(number, chance); err != nil {
			if h.left.Load() > 0 {
				h.t.Errorf("a running api gives %v", err)
				h.over.Store(true)
			}
			return
		}
	}
}

func (h *historian) step(number int, chance *rand.Rand) (err error) {
	m := h.anyMeter(chance)
	switch chance.IntN(10) {
	case 0, 1:
		_, err = h.query(m, number)
	case 2:
		err = h.queryUsage(m, number)
	case 9:
		err = h.change(m, number, chance)
	case 3, 4, 5:
		posts := make([]post, 1+chance.IntN(2))
		for i := range posts {
			posts[i] = anyPost(chance)
		}
		err = h.postTogether(m, number, posts)
	default:
		err = h.postSingly(m, number, anyPost(chance))
	}
	return err
}

// anyPost is a reading that fits most others, and some not.
func anyPost(chance *rand.Rand) post {
	point := chance.IntN(pointsMax)
	return post{point, 100 + 4*point + chance.IntN(12)}
}

// change exchanges the dial of a meter, or corrects a reading of it.
func (h *historian) change(m, number int, chance *rand.Rand) error {
	p, other := anyPost(chance), anyPost(chance)
	if chance.IntN(2) == 0 {
		e := exchange{p.point, dials{p.register, 100 + 4*p.point + chance.IntN(12)}}
		return h.life(m, number, e, "/exchange", fmt.Sprintf(`{"at":"%s","old_reading":%d,"new_reading":%d}`, tenAfter(h.stamps[e.point]), e.old, e.first))
	}
	if chance.IntN(2) == 0 { // else it mostly expects what is not there
		seen, err := h.query(m, number)
		if err != nil {
			return err
		}
		if seen[p.point] != 0 {
			p.register = seen[p.point]
		}
	}
	c := correction{p.point, p.register, 100 + 4*p.point + (p.register-100-4*p.point+1+other.register%11)%12}
	corrected := strconv.Itoa(c.register)
	if chance.IntN(4) == 0 {
		c.register, corrected = 0, "null"
	}
	return h.life(m, number, c, "/corrections", fmt.Sprintf(`{"reason":"%d","corrections":[{"timestamp":"%s","reading":%s,"expect":%d}]}`,
		h.since(), h.stamps[c.point], corrected, c.expect))
}

// tenAfter is ten minutes after a half hour.
func tenAfter(stamp string) string {
	minutes := len("2026-11-23T14:")
	return stamp[:minutes] + string(stamp[minutes]+1) + stamp[minutes+1:]
}

// life posts something of a meter's life.
func (h *historian) life(m, number int, input any, path, body string) error {
	called := h.since()
	answer, err := h.http.Post(h.api.URL+"/meters/"+string(h.histories[m].id)+path, "application/json", strings.NewReader(body))
	if err != nil {
		h.note(m, number, called, input, unanswered)
		return err
	}
	defer answer.Body.Close()
	var said struct{ Code meter.Code }
	if err := json.NewDecoder(answer.Body).Decode(&said); err != nil {
		h.note(m, number, called, input, unanswered)
		return err
	}
	if answer.StatusCode == http.StatusOK {
		h.note(m, number, called, input, success)
		return nil
	}
	return h.refused(m, number, called, input, said.Code)
}

// operate closes months, archives them again and restores them, until the api ends.
func (h *historian) operate(chance *rand.Rand) {
	for !h.over.Load() {
		var err error
		if month := chance.IntN(len(h.months) + 1); month < len(h.months) {
			_, err = h.client.StartMaintenance(context.Background(), client.MaintenanceRequest{Type: api.Monthly, Month: h.months[month].String()})
		} else {
			_, err = h.client.Restore(context.Background())
		}
		if err != nil {
			if h.left.Load() > 0 {
				h.t.Errorf("the operator: %v", err)
			}
			return
		}
	}
}

func (h *historian) since() int64 { return time.Since(h.begun).Nanoseconds() }

// note writes an operation down.
func (h *historian) note(m, number int, called int64, input, output any) {
	o := porcupine.Operation{ClientId: number, Input: input, Output: output, Call: called, Return: h.since()}
	if output == unanswered {
		o.Return = openEnd
	}
	history := h.histories[m]
	history.mu.Lock()
	defer history.mu.Unlock()
	history.done = append(history.done, o)
}

func (h *historian) postSingly(m, number int, p post) error {
	register, err := meter.ParseRegister(strconv.Itoa(p.register))
	if err != nil {
		return err
	}
	called := h.since()
	err = h.client.RecordReading(context.Background(), h.histories[m].id, h.stamps[p.point], register)
	var problem *api.Problem
	switch {
	case err == nil:
		h.note(m, number, called, p, success)
	case errors.As(err, &problem):
		return h.refused(m, number, called, p, problem.Code)
	default:
		h.note(m, number, called, p, unanswered)
		return err
	}
	return nil
}

// refused writes down the answer to a post that was not recorded. What is to come
// again later did nothing, and counts for nothing.
func (h *historian) refused(m, number int, called int64, input any, code meter.Code) error {
	switch code {
	case meter.CodeReadingConflict, meter.CodeReadingDecreases, meter.CodeExchangeConflict:
		h.note(m, number, called, input, outcome(code))
		return nil
	case meter.CodeMaintenanceRunning:
		return nil
	}
	return fmt.Errorf("%+v was answered %s", input, code)
}

// postTogether posts a batch. Its rows are operations of their own.
func (h *historian) postTogether(m, number int, posts []post) error {
	var body strings.Builder
	body.WriteString("meter_id,timestamp,reading\n")
	for _, p := range posts {
		fmt.Fprintf(&body, "%s,%s,%d\n", h.histories[m].id, h.stamps[p.point], p.register)
	}
	called := h.since()
	batch, err := h.client.RecordReadings(context.Background(), "text/csv", strings.NewReader(body.String()))
	var problem *api.Problem
	if err != nil && !(errors.As(err, &problem) && problem.Code.Passes() && batch.Retry > 0) {
		for _, p := range posts {
			h.note(m, number, called, p, unanswered)
		}
		return err
	}
	taken := success
	switch {
	case batch.Accepted == 0:
		taken = duplicate
	case batch.Duplicates == 0:
		taken = accepted
	}
	for i, p := range posts {
		if at := slices.IndexFunc(batch.Errors, func(e api.RowError) bool { return e.Row == i+1 }); at < 0 {
			h.note(m, number, called, p, taken)
		} else if err := h.refused(m, number, called, p, batch.Errors[at].Code); err != nil {
			return err
		}
	}
	return nil
}

func (h *historian) query(m, number int) (seen registers, err error) {
	called := h.since()
	rows, err := fetchRows(h.http, h.api.URL, h.histories[m].id, h.stamps[0], h.stamps[pointsMax-1])
	if err != nil {
		return seen, err
	}
	for _, row := range rows {
		point := slices.Index(h.stamps[:], row[1])
		register, err := strconv.Atoi(row[2])
		if point < 0 || err != nil || seen[point] != 0 {
			h.t.Errorf("meter %s has a row that nobody sent: %q", h.histories[m].id, row)
			continue
		}
		seen[point] = register
	}
	h.note(m, number, called, query{}, seen)
	return seen, nil
}

func (h *historian) queryUsage(m, number int) error {
	called := h.since()
	u, err := h.client.Consumption(context.Background(), h.histories[m].id, client.Period{
		Name: "custom", Start: h.stamps[0], End: h.stamps[pointsMax-1],
	})
	var problem *api.Problem
	if errors.As(err, &problem) && problem.Code == meter.CodeNotEnoughReadings {
		h.note(m, number, called, usageQuery{}, usageAnswer{})
		return nil
	}
	if err != nil {
		return err
	}
	first, wrongFirst := strconv.Atoi(u.StartReading.String())
	last, wrongLast := strconv.Atoi(u.EndReading.String())
	used := int(u.Consumption.IntPart())
	h.note(m, number, called, usageQuery{}, usageAnswer{first, last, u.Readings, used})
	return errors.Join(wrongFirst, wrongLast)
}

// judge checks every meter's history.
func (h *historian) judge() {
	h.t.Helper()
	counts, began := make(map[any]int), time.Now()
	for _, history := range h.histories {
		wantLegal(h.t, string(history.id), history.done)
		for _, o := range history.done {
			switch o.Input.(type) {
			case post:
				counts[o.Output]++
			case exchange, correction:
				counts[fmt.Sprintf("%T %v", o.Input, o.Output)]++
			default:
				counts[fmt.Sprintf("%T", o.Input)]++
			}
		}
	}
	h.t.Logf("%v, judged in %s", counts, time.Since(began).Round(time.Millisecond))
	for _, o := range []any{
		accepted, duplicate, success, conflict, decreases, unanswered,
		"e2e.exchange success", "e2e.exchange reading_decreases", "e2e.correction success", "e2e.correction reading_conflict",
	} {
		if counts[o] == 0 {
			h.t.Errorf("nothing was answered with %s: the histories show too little", o)
		}
	}
}
