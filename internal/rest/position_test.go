package rest_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"meterledger/internal/clustertest"
)

func TestAReadAtAnotherNodeSeesAWriteWhosePositionItNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		a, b := o.members[0], o.members[1]
		o.part(clustertest.Faults{DelayMax: 400 * time.Millisecond}, b)
		missed := 0
		for i := range 20 {
			id := fmt.Sprint("M", i)
			at := a.register(id)
			if answer, _ := b.send("GET", "/account?meter_id="+id); answer.StatusCode == http.StatusNotFound {
				missed++
			}
			b.want(http.StatusOK, "GET", "/account?meter_id="+id, "Ledger-After: "+at)
			a.want(http.StatusOK, "GET", "/account?meter_id="+id) // the node that answered knows it
		}
		if missed == 0 {
			t.Error("the other node was never behind: nothing was shown")
		}
	})
}

func TestAWriteIsSeenAfterItsPositionThoughAnotherNodeLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		a, b, c := o.members[0], o.members[1], o.members[2]
		o.part(clustertest.Faults{DelayMax: 400 * time.Millisecond}, a, c)
		for i := range 20 {
			id := fmt.Sprint("M", i)
			at := b.register(id)
			for _, m := range []*peerNode{a, c} {
				m.want(http.StatusOK, "GET", "/account?meter_id="+id, "Ledger-After: "+at)
			}
		}
	})
}

func TestANodeThatDoesNotComeSoFarSaysSoWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		a, b := o.members[0], o.members[1]
		o.part(clustertest.Faults{Link: clustertest.Drops}, b)
		at := a.register("M")
		began := time.Now()
		_, body := b.want(http.StatusServiceUnavailable, "GET", "/account?meter_id=M", "Ledger-After: "+at)
		if took := time.Since(began); took != time.Second || !strings.Contains(body, "not_ready") {
			t.Errorf("after %v: %s", took, body)
		}
		b.want(http.StatusNotFound, "GET", "/account?meter_id=M")
		journal, _, _ := strings.Cut(at, "/")
		for _, other := range []string{journal + "/" + strconv.FormatUint(1<<63, 10), strings.Repeat("0", 32) + "/1", journal + "/-1", at + ", " + at, journal, "x"} {
			status := http.StatusBadRequest
			if strings.HasSuffix(other, fmt.Sprint(uint64(1)<<63)) {
				status = http.StatusServiceUnavailable
			}
			a.want(status, "GET", "/account?meter_id=M", "Ledger-After: "+other)
		}
		o.part(clustertest.Faults{}, b)
		time.Sleep(2 * time.Second) // of the bubble
		b.want(http.StatusOK, "GET", "/account?meter_id=M", "Ledger-After: "+at)
	})
}

func TestAStrongReadSeesWhateverAnyNodeHasAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		o.part(clustertest.Faults{DelayMax: 200 * time.Millisecond}, o.members...)
		missed := 0
		for i := range 30 {
			id, writer := fmt.Sprint("M", i), i%3
			o.members[writer].register(id)
			for n, m := range o.members {
				if answer, _ := m.send("GET", "/account?meter_id="+id); answer.StatusCode == http.StatusNotFound && n != writer {
					missed++
				}
				m.want(http.StatusOK, "GET", "/account?meter_id="+id, "Read-Consistency: strong")
			}
		}
		if missed == 0 {
			t.Error("no node was ever behind: nothing was shown")
		}
	})
}

func TestWithoutAQuorumLocalReadsGoOnAndSayHowOldTheyMayBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		a := o.members[0]
		a.register("M")
		o.catchUp()
		answer, _ := a.want(http.StatusOK, "GET", "/account?meter_id=M")
		if age := answer.Header.Get("Ledger-Staleness"); age != "" {
			t.Errorf("all is well, and the state is %s s old", age)
		}
		o.part(clustertest.Faults{Link: clustertest.Drops}, o.members...)
		lost := time.Now()
		for _, m := range o.members {
			began := time.Now()
			_, body := m.want(http.StatusServiceUnavailable, "GET", "/account?meter_id=M", "Read-Consistency: strong")
			if took := time.Since(began); took > 2*time.Second || !strings.Contains(body, `"reason":"no_quorum"`) {
				t.Errorf("after %v: %s", took, body)
			}
		}
		for range 5 {
			time.Sleep(10 * time.Second) // of the bubble
			for _, m := range o.members {
				answer, _ := m.want(http.StatusOK, "GET", "/account?meter_id=M", "Read-Consistency: local")
				age, _ := strconv.Atoi(answer.Header.Get("Ledger-Staleness"))
				if since := time.Since(lost); time.Duration(age)*time.Second < since || time.Duration(age)*time.Second > since+2*time.Second {
					t.Errorf("%v after the engine was lost, the state of %s is said to be %d s old", since, m.name, age)
				}
			}
		}
		o.part(clustertest.Faults{}, o.members...)
		time.Sleep(2 * time.Second) // of the bubble
		for _, m := range o.members {
			answer, _ := m.want(http.StatusOK, "GET", "/account?meter_id=M", "Read-Consistency: strong")
			if age := answer.Header.Get("Ledger-Staleness"); age != "" {
				t.Errorf("all is well again, and the state is %s s old", age)
			}
		}
	})
}

// TestASessionThatPassesPositionsOnNeverGoesBackInTime has several sessions wander over the nodes, and lets them forget
// their positions to show that they would go back else.
func TestASessionThatPassesPositionsOnNeverGoesBackInTime(t *testing.T) {
	for _, passesOn := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			o := newTrio(t)
			defer o.close()
			o.members[0].register("M")
			o.catchUp()
			o.part(clustertest.Faults{DelayMax: 300 * time.Millisecond}, o.members[1:]...)
			chance := rand.New(rand.NewPCG(1, 2))
			back, seen, at := 0, 0, position(t, first(o.members[0].want(http.StatusOK, "GET", "/account?meter_id=M")))
			for range 200 {
				m := o.members[chance.IntN(3)]
				if chance.IntN(2) == 0 {
					day := chance.IntN(22*48) + 1
					stamp := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(day) * 30 * time.Minute)
					at = m.record("M", stamp.Format("2006-01-02T15:04:05"), day)
					continue
				}
				var header []string
				if passesOn {
					header = append(header, "Ledger-After: "+at)
				}
				answer, body := m.want(http.StatusOK, "GET", "/get_readings?meter_id=M&format=csv", header...)
				count := strings.Count(body, "\n")
				if count < seen {
					back++
				}
				seen, at = count, position(t, answer)
			}
			if passesOn && back > 0 || !passesOn && back == 0 {
				t.Errorf("passes positions on: %v, and went back in time %d times", passesOn, back)
			}
		})
	}
}

func first(answer *http.Response, _ string) *http.Response { return answer }

// TestALongAnswerSaysItsPositionBehindItsRows has a write come after the first rows were sent: the rows that follow may
// tell of it, so the position must.
func TestALongAnswerSaysItsPositionBehindItsRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		a := o.members[0]
		for i := range 2000 {
			a.register(fmt.Sprint("METER-", i))
		}
		before := position(t, first(a.want(http.StatusOK, "GET", "/account?meter_id=METER-1")))
		at := ""
		long := a.ask("GET", "/export_accounts", func() {
			if at == "" {
				at = a.register("LATE")
			}
		})
		if said := long.Trailer.Get("Ledger-Position"); said != at || said == before || long.Header.Get("Ledger-Position") != "" {
			t.Errorf("a row was added at %s while rows were sent; header %v, trailer %v", at, long.Header, long.Trailer)
		}
		for _, whole := range []*http.Response{
			a.ask("HEAD", "/export_accounts", nil), a.ask("GET", "/export_readings?month=2026-11", nil), a.ask("GET", "/meters?page_size=1000", nil),
		} {
			if position(t, whole) != at || len(whole.Trailer) > 0 {
				t.Errorf("%s %s: header %v, trailer %v", whole.Request.Method, whole.Request.URL, whole.Header, whole.Trailer)
			}
		}
	})
}

// TestAPositionDoesNotTellTheIdOfTheJournal: who knows that can send what looks like a batch where it is written.
func TestAPositionDoesNotTellTheIdOfTheJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		id, sequence := o.members[0].Position()
		said := position(t, first(o.members[0].want(http.StatusOK, "GET", "/whoami")))
		journal, number, _ := strings.Cut(said, "/")
		if journal == hex.EncodeToString(id[:]) || len(journal) != 32 || number != strconv.FormatUint(sequence, 10) {
			t.Errorf("at batch %d the position is %s", sequence, said)
		}
		if other := position(t, first(o.members[1].want(http.StatusOK, "GET", "/whoami"))); !strings.HasPrefix(other, journal) {
			t.Errorf("another node says %s", other)
		}
	})
}

// TestAnAnswerThatTheCallerHasIsPlacedWhereItStillHolds asks a node that does not know of a late reading yet: the answer
// before still holds there, and not any more after the position of the reading.
func TestAnAnswerThatTheCallerHasIsPlacedWhereItStillHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		a, b := o.members[0], o.members[1]
		a.register("M")
		a.record("M", "2026-10-01T00:00:00", 1)
		a.record("M", "2026-10-31T00:00:00", 9)
		a.want(http.StatusOK, "POST", "/maintenance/start?maintenance_type=monthly&month=2026-10")
		o.catchUp()
		const october = "/get_consumption?meter_id=M&period=last_month"
		whole, _ := a.want(http.StatusOK, "GET", october)
		tag := "If-None-Match: " + whole.Header.Get("ETag")
		still, _ := b.want(http.StatusNotModified, "GET", october, tag)
		if position(t, still) != position(t, whole) {
			t.Errorf("it holds at %s, which was that of %s", position(t, still), position(t, whole))
		}
		o.part(clustertest.Faults{Stalled: true}, b)
		late := a.record("M", "2026-10-20T00:00:00", 5)
		still, _ = b.want(http.StatusNotModified, "GET", october, tag)
		if position(t, still) == late {
			t.Error("it still holds after a late reading")
		}
		b.want(http.StatusServiceUnavailable, "GET", october, tag, "Ledger-After: "+late)
		a.want(http.StatusOK, "GET", october, tag)
		o.part(clustertest.Faults{}, b)
		time.Sleep(2 * time.Second) // of the bubble
		again, _ := b.want(http.StatusOK, "GET", october, tag, "Ledger-After: "+late)
		if position(t, again) != late {
			t.Errorf("answered at %s, after %s", position(t, again), late)
		}
	})
}

// TestANodeThatDoesNotKnowTheArchiveYetCallsNothingChanged has a month archived anew while a node hears nothing.
func TestANodeThatDoesNotKnowTheArchiveYetCallsNothingChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newTrio(t)
		defer o.close()
		a, b := o.members[0], o.members[1]
		const archiving = "/maintenance/start?maintenance_type=monthly&month=2026-10"
		a.register("M")
		a.record("M", "2026-10-01T00:00:00", 1)
		a.record("M", "2026-10-31T00:00:00", 9)
		a.want(http.StatusOK, "POST", archiving)
		o.catchUp()
		o.part(clustertest.Faults{Link: clustertest.Drops}, b)
		a.record("M", "2026-10-20T00:00:00", 5)
		a.want(http.StatusOK, "POST", archiving)
		for _, question := range []string{"/get_readings?meter_id=M&start=2026-10-01&end=2026-10-31", "/export_readings?month=2026-10"} {
			_, body := b.want(http.StatusServiceUnavailable, "GET", question)
			var problem struct{ Code string }
			if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Code != "not_ready" {
				t.Errorf("%s is answered %s", question, body)
			}
		}
		o.part(clustertest.Faults{}, b)
		time.Sleep(2 * time.Second) // of the bubble
		_, body := b.want(http.StatusOK, "GET", "/export_readings?month=2026-10")
		if _, want := a.want(http.StatusOK, "GET", "/export_readings?month=2026-10"); body != want || strings.Count(body, "\n") != 4 {
			t.Errorf("it says %s, the other node %s", body, want)
		}
	})
}
