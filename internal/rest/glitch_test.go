package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// glitch is what a public log of a real meter has, hour by hour: ... 4035.974, 4370.477, 4036.247
// and 476 more that rise to 4114.191. What it says of an hour's use between these is not public.
type glitch struct {
	from      time.Time // of its first hour
	registers []int64   // in Wh
	wrong     int       // which of them shows 334 kWh too much
	right     int64     // what it should have shown
}

const (
	glitchBefore = 4_035_974
	glitchShown  = 4_370_477
	glitchAfter  = 4_036_247
	glitchLast   = 4_114_191
	glitchHours  = 477 // that were refused
)

func newGlitch(from time.Time) (g glitch) {
	const before = 27 // hours
	g = glitch{from: from, wrong: before, right: 4_036_103}
	for n := range before {
		g.registers = append(g.registers, glitchBefore-int64(before-1-n)*157)
	}
	g.registers = append(g.registers, glitchShown)
	for n := range int64(glitchHours) { // by turns little and much, and exact at both ends
		uneven := (n * n * 37) % 160
		if n == 0 || n == glitchHours-1 {
			uneven = 0
		}
		g.registers = append(g.registers, glitchAfter+(glitchLast-glitchAfter)*n/(glitchHours-1)+uneven)
	}
	return g
}

func (g glitch) stamp(n int) string {
	return g.from.Add(time.Duration(n) * time.Hour).Format("2006-01-02T15:04:05")
}

func wh(n int64) string { return fmt.Sprintf("%d.%03d", n/1000, n%1000) }

// TestAGlitchThatShutAMeterOutIsMended does what the meter and an operator would: the meter goes
// on for 20 days, the operator finds it, corrects one reading and has the others judged again.
func TestAGlitchThatShutAMeterOutIsMended(t *testing.T) {
	s := newScriptOn(t, "glitch_test.go", vfs.NewCrashableMem())
	g := newGlitch(time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC))
	s.run(`
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /register_account?owner_name=Lim&address=Road&meter_id=B
=> 200`)
	refused := 0
	for n, register := range g.registers {
		answer := "=> 200"
		if n > g.wrong {
			answer = fmt.Sprintf("=> 400 reading_decreases: reading of %s kWh is less than the earlier %s kWh of %s", short(register), short(glitchShown), g.stamp(g.wrong))
			refused++
		}
		s.run(fmt.Sprintf("POST /receive_meter_reading?meter_id=A&timestamp=%s&reading=%s\n%s", g.stamp(n), wh(register), answer))
		if refused == 200 {
			s.powerCut("2026-11-01T00:00:00")
		}
	}
	s.run(fmt.Sprintf(`
# What was refused before this is kept after it.
POST /receive_meter_reading?meter_id=B&timestamp=2026-11-02T00:00:00&reading=1
=> 200
GET /exceptions?rule=DECREASING
=> 200 {"count":1,"next":null,"not_computed":[],"results":[{"meter_id":"A","rule":"DECREASING","from":"%s","to":"%s","value":477,"threshold":0,"unit":"readings",
  "why":"477 readings, from %s kWh to %s kWh, were refused because they are less than %s kWh of %s.","status":"open","reason":null,"by":null,"resolved_at":null}]}`,
		g.stamp(g.wrong+1), g.stamp(len(g.registers)-1), short(glitchAfter), short(glitchLast), short(glitchShown), g.stamp(g.wrong)))
	if err := s.node.Snapshot(context.Background()); err != nil {
		t.Fatal(err)
	}
	s.powerCut("2026-11-02T00:00:00")
	s.run(fmt.Sprintf(`
POST /meters/A/retake
=> 200 {"accepted":0,"duplicates":0,"rejected":477,"retry":0,"errors":"*"}
POST /meters/A/corrections
Content-Type: application/json
| {"reason":"the dial was misread","by":"Ng","corrections":[{"timestamp":"%s","reading":"%s","expect":"%s"}]}
=> 200
POST /meters/A/retake
=> 200 {"accepted":477,"duplicates":0,"rejected":0,"retry":0,"errors":[]}
POST /meters/A/retake
=> 200 {"accepted":0,"duplicates":0,"rejected":0,"retry":0,"errors":[]}
GET /exceptions?rule=DECREASING
=> 200 {"count":0,"next":null,"not_computed":[],"results":[]}`, g.stamp(g.wrong), wh(g.right), wh(glitchShown)))
	s.wantMended(g)
	s.powerCut("2026-11-02T00:00:00")
	s.wantMended(g)
}

// powerCut opens the api on what a power cut leaves of an instant after B's reading of a time was
// taken, which then is there.
func (s *script) powerCut(stamp string) {
	s.t.Helper()
	s.run("POST /receive_meter_reading?meter_id=B&timestamp=" + stamp + "&reading=1\n=> 200")
	survived := s.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	s.close()
	s.fs = survived
	s.open()
}

// wantMended asks for every day, and for what is kept.
func (s *script) wantMended(g glitch) {
	s.t.Helper()
	right := append([]int64(nil), g.registers...)
	right[g.wrong] = g.right
	for from := 0; from+24 < len(right); from += 24 {
		var day struct {
			Start    json.Number `json:"start_reading"`
			End      json.Number `json:"end_reading"`
			Used     json.Number `json:"consumption"`
			Readings int
		}
		path := fmt.Sprintf("/get_consumption?meter_id=A&period=custom&start=%s&end=%s", g.stamp(from), g.stamp(from+24))
		if problem := s.get(s.t, path, &day); problem.Code != "" || day.Readings != 25 ||
			day.Start.String() != short(right[from]) || day.End.String() != short(right[from+24]) || day.Used.String() != short(right[from+24]-right[from]) {
			s.t.Errorf("the day from %s on: %+v %+v, want %s kWh", g.stamp(from), problem, day, short(right[from+24]-right[from]))
		}
	}
	if kept, has := s.figures()["refusals"]; has {
		s.t.Errorf("%s readings are kept", kept)
	}
}

// short is how a register goes out: without zeros at its end.
func short(n int64) string { return strings.TrimRight(strings.TrimRight(wh(n), "0"), ".") }
