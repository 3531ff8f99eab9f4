package rest_test

import (
	"testing"

	"meterledger/internal/ledger"
)

// TestARegisterThatAPersonPutRightIsASubstitute has it in memory, and in a closed month.
func TestARegisterThatAPersonPutRightIsASubstitute(t *testing.T) {
	s := newScript(t, "edited")
	s.run(`POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /receive_meter_readings
Content-Type: text/csv
| meter_id,timestamp,reading
| A,2026-10-20T00:00:00,1
| A,2026-10-20T00:30:00,1.9
| A,2026-10-20T01:00:00,2
| A,2026-10-20T01:30:00,2.5
| A,2026-11-20T00:00:00,9
=> 200
GET /get_consumption?meter_id=A&period=custom&start=2026-10-20T00:00&end=2026-10-20T00:30
=> 200 {"meter_id":"A","period":"custom","start_reading":1,"end_reading":1.9,"consumption":0.9,
  "start_time":"2026-10-20T00:00:00","end_time":"2026-10-20T00:30:00","readings":2,"expected_readings":2,"complete":true,"timezone":"Asia/Singapore","unit":"kWh","quality":"ACTUAL","method":null}`)
	at := s.point("2026-10-20T00:30:00", "1.9")
	right := s.point("2026-10-20T00:30:00", "1.5").Register
	if err := s.node.Correct(t.Context(), "A", []ledger.Correction{{Slot: at.Slot, Expect: at.Register, Reading: &right}}, "a glitch", "Lim"); err != nil {
		t.Fatal(err)
	}
	corrected := `
GET /get_readings?meter_id=A&start=2026-10-20T00:00&end=2026-10-20T01:30
=> 200 {"meter_id":"A","interval":"30min","count":3,"next":null,"timezone":"Asia/Singapore","unit":"kWh","results":[
  {"interval_start":"2026-10-20T00:00:00","interval_end":"2026-10-20T00:30:00","start_reading":1,"end_reading":1.5,"consumption":0.5,
   "complete":true,"clipped":false,"estimated":false,"missing":null,"quality":"SUBSTITUTE","method":"edited"},
  {"interval_start":"2026-10-20T00:30:00","interval_end":"2026-10-20T01:00:00","start_reading":1.5,"end_reading":2,"consumption":0.5,
   "complete":true,"clipped":false,"estimated":false,"missing":null,"quality":"SUBSTITUTE","method":"edited"},
  {"interval_start":"2026-10-20T01:00:00","interval_end":"2026-10-20T01:30:00","start_reading":2,"end_reading":2.5,"consumption":0.5,
   "complete":true,"clipped":false,"estimated":false,"missing":null,"quality":"ACTUAL","method":null}]}
GET /get_consumption?meter_id=A&period=custom&start=2026-10-20T00:30&end=2026-10-20T01:30
=> 200 {"meter_id":"A","period":"custom","start_reading":1.5,"end_reading":2.5,"consumption":1,
  "start_time":"2026-10-20T00:30:00","end_time":"2026-10-20T01:30:00","readings":3,"expected_readings":3,"complete":true,"timezone":"Asia/Singapore","unit":"kWh","quality":"SUBSTITUTE","method":"edited"}
GET /get_consumption?meter_id=A&period=custom&start=2026-10-20T00:00&end=2026-10-20T01:30
=> 200 {"meter_id":"A","period":"custom","start_reading":1,"end_reading":2.5,"consumption":1.5,
  "start_time":"2026-10-20T00:00:00","end_time":"2026-10-20T01:30:00","readings":4,"expected_readings":4,"complete":true,"timezone":"Asia/Singapore","unit":"kWh","quality":"ACTUAL","method":null}
# An estimate beside it is an estimate.
GET /get_readings?meter_id=A&start=2026-10-20T01:00&end=2026-10-20T02:00&estimate=linear&interval=hour
=> 200 {"meter_id":"A","interval":"hour","count":1,"next":null,"timezone":"Asia/Singapore","unit":"kWh","results":[
  {"interval_start":"2026-10-20T01:00:00","interval_end":"2026-10-20T02:00:00","start_reading":2,"end_reading":2.504,"consumption":0.504,
   "complete":false,"clipped":false,"estimated":true,"missing":"end","quality":"SUBSTITUTE","method":"linear"}]}`
	s.run(corrected)
	if err := s.closeMonth("2026-10"); err != nil {
		t.Fatal(err)
	}
	s.run(corrected)

	// What is withdrawn is a gap; what the meter sends then is what it sent.
	if err := s.node.Correct(t.Context(), "A", []ledger.Correction{{Slot: at.Slot, Expect: right}}, "it was wrong too", "Lim"); err != nil {
		t.Fatal(err)
	}
	const window = "&period=custom&start=2026-10-20T00:30&end=2026-10-20T01:30"
	s.run(`
GET /get_consumption?meter_id=A&estimate=auto` + window + `
=> 200 {"meter_id":"A","period":"custom","start_reading":1.5,"end_reading":2.5,"consumption":1,
  "start_time":"2026-10-20T00:30:00","end_time":"2026-10-20T01:30:00","readings":2,"expected_readings":3,"complete":false,"timezone":"Asia/Singapore","unit":"kWh","quality":"SUBSTITUTE","method":"linear"}
POST /receive_meter_reading?meter_id=A&timestamp=2026-10-20T00:30:00&reading=1.75
=> 200
GET /get_consumption?meter_id=A` + window + `
=> 200 {"meter_id":"A","period":"custom","start_reading":1.75,"end_reading":2.5,"consumption":0.75,
  "start_time":"2026-10-20T00:30:00","end_time":"2026-10-20T01:30:00","readings":3,"expected_readings":3,"complete":true,"timezone":"Asia/Singapore","unit":"kWh","quality":"ACTUAL","method":null}`)
}
