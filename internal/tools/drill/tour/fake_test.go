package tour

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meterledger/api"
	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// fault is one way in which an api can be wrong.
type fault string

const (
	none           fault = ""
	losesReading   fault = "answers 200 for one reading and does not keep it"
	miscountsPiece fault = "counts one row of every piece as nothing"
	dropsRow       fault = "leaves the last row out of every archive"
	forgetsMonth   fault = "answers otherwise once the month is cleared"
	bendsBill      fault = "adds up another bill"
	takesMistakes  fault = "takes readings that decrease"
	refusesPlenty  fault = "refuses every reading of one half hour"
	forgetsRefused fault = "takes none of the refused readings again"
	losesExchange  fault = "acknowledges an exchange and does not keep it"
	findsNothing   fault = "finds no exception"
	isBusy         fault = "closes the month when a reading of one half hour first comes"
)

// fakeSuite answers as the three programs do, from a map. It is used by one
// caller at a time.
type fakeSuite struct {
	fault     fault
	zone      *meter.Zone
	now       time.Time
	folder    string
	registers map[string]map[meter.Slot]meter.Register
	dials     map[string]meter.Dials
	limits    map[string]meter.Limits
	refused   map[string][]meter.Point

	first, last map[string]meter.Slot
	cleared     bool
	wasBusy     map[string]bool
	url         string
}

func newFakeSuite(t *testing.T, f fault, zone *meter.Zone, now time.Time) *fakeSuite {
	s := &fakeSuite{
		fault: f, zone: zone, now: now, folder: t.TempDir(), registers: map[string]map[meter.Slot]meter.Register{}, wasBusy: map[string]bool{},
		dials: map[string]meter.Dials{}, limits: map[string]meter.Limits{}, refused: map[string][]meter.Point{}, first: map[string]meter.Slot{}, last: map[string]meter.Slot{},
	}
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(*http.Request) (any, error){
		"POST /register_account":            s.register,
		"POST /receive_meter_reading":       s.receiveOne,
		"POST /receive_meter_readings":      s.receiveMany,
		"POST /meters/{id}/exchange":        s.exchange,
		"PATCH /meters/{id}":                s.limit,
		"POST /meters/{id}/corrections":     s.correct,
		"POST /meters/{id}/retake":          s.retake,
		"GET /exceptions":                   s.exceptions,
		"GET /get_consumption":              s.consumption,
		"GET /get_last_month_bill":          s.bill,
		"POST /perform_daily_maintenance":   s.daily,
		"POST /perform_monthly_maintenance": s.monthly,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := answer(r)
			if err != nil {
				status := http.StatusBadRequest
				if meter.CodeOf(err) == meter.CodeMeterNotFound || meter.CodeOf(err) == meter.CodeNotEnoughReadings {
					status = http.StatusNotFound
				}
				if meter.CodeOf(err) == meter.CodeMaintenanceRunning {
					status = http.StatusServiceUnavailable
					w.Header().Set("Retry-After", "0")
				}
				w.WriteHeader(status)
				body = map[string]any{"code": meter.CodeOf(err), "detail": err.Error()}
			}
			if err := json.NewEncoder(w).Encode(body); err != nil {
				t.Error(err)
			}
		})
	}
	if err := os.Mkdir(programs.ArchiveDir(s.folder), 0o755); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *fakeSuite) register(r *http.Request) (any, error) {
	s.registers[r.FormValue("meter_id")] = map[meter.Slot]meter.Register{}
	return struct{}{}, nil
}

func (s *fakeSuite) receiveOne(r *http.Request) (any, error) {
	_, err := s.take(r.FormValue("meter_id"), r.FormValue("timestamp"), r.FormValue("reading"))
	return map[string]any{"success": true}, err
}

func (s *fakeSuite) receiveMany(r *http.Request) (any, error) {
	rows, err := csv.NewReader(r.Body).ReadAll()
	if err != nil {
		return nil, err
	}
	var v api.BatchResult
	for i, row := range rows[1:] {
		duplicate, err := s.take(row[0], row[1], row[2])
		switch {
		case err != nil:
			v.Rejected++
			v.Errors = append(v.Errors, api.RowError{Row: i + 1, Code: meter.CodeOf(err), Detail: err.Error()})
		case duplicate:
			v.Duplicates++
		default:
			v.Accepted++
		}
	}
	if s.fault == miscountsPiece {
		v.Accepted--
	}
	return v, nil
}

// unlucky is the half hour of last month that faults strike.
func (s *fakeSuite) unlucky() meter.Slot {
	return s.zone.DayStart(s.zone.Today(s.now).CalendarMonth().Add(-1).FirstDay()) + 700
}

func (s *fakeSuite) take(id, stamp, reading string) (duplicate bool, err error) {
	registers, known := s.registers[id]
	if !known {
		return false, meter.UnknownMeter(meter.ID(id))
	}
	slot, err := s.zone.ParseSlot("timestamp", stamp)
	if err != nil {
		return false, err
	}
	if slot > s.zone.Floor(s.now) {
		return false, meter.Invalid(meter.CodeInvalidTimestamp, "timestamp", "lies in the future")
	}
	register, err := meter.ParseReading("reading", reading)
	if err != nil {
		return false, err
	}
	if recorded, taken := registers[slot]; taken {
		if recorded != register {
			return false, meter.Invalid(meter.CodeReadingConflict, "reading", "is %s already", recorded)
		}
		return true, nil
	}
	p := meter.Point{Slot: slot, Register: register}
	dials, fall := s.dials[id].Take(p, s.next(id, slot, -1), s.next(id, slot, 1), s.limits[id])
	switch {
	case s.fault == takesMistakes:
	case fall != nil:
		s.refused[id] = append(s.refused[id], p)
		return false, meter.Invalid(meter.CodeReadingDecreases, "reading", "does not fit %s", fall.From.Register)
	default:
		s.dials[id] = dials
	}
	switch {
	case slot == s.unlucky() && s.fault == refusesPlenty:
		return false, meter.Invalid(meter.CodeOverloaded, "reading", "is too much")
	case slot == s.unlucky() && s.fault == isBusy && !s.wasBusy[id]:
		s.wasBusy[id] = true
		return false, meter.Unavailable(meter.CodeMaintenanceRunning, 0, "the month is being closed")
	case slot == s.unlucky() && s.fault == losesReading:
		return false, nil
	}
	registers[slot] = register
	s.first[id], s.last[id] = min(slot, cmp.Or(s.first[id], slot)), max(slot, s.last[id])
	return false, nil
}

func (s *fakeSuite) consumption(r *http.Request) (any, error) {
	id, now := r.FormValue("meter_id"), s.zone.Floor(s.now)
	today := s.zone.Today(s.now)
	var w meter.Window
	switch r.FormValue("period") {
	case "last_30min":
		if _, taken := s.registers[id][now]; !taken {
			now--
		}
		w = meter.Window{From: now - 1, To: now}
	case "today":
		w = s.zone.DayWindow(today)
	case "this_week":
		w = s.zone.WeekWindow(today)
	case "this_month":
		w = s.zone.MonthWindow(today.CalendarMonth())
	case "last_month":
		w = s.zone.MonthWindow(today.CalendarMonth().Add(-1))
	case "custom":
		w.From, _ = s.zone.ParseSlot("start", r.FormValue("start"))
		w.To, _ = s.zone.ParseSlot("end", r.FormValue("end"))
		if s.cleared && s.fault == forgetsMonth {
			w.From++
		}
	}
	return s.between(id, w, now)
}

func (s *fakeSuite) bill(r *http.Request) (any, error) {
	w := s.zone.MonthWindow(s.zone.Today(s.now).CalendarMonth().Add(-1))
	answer, err := s.between(r.FormValue("meter_id"), w, w.To)
	if s.fault == bendsBill {
		answer["consumption"] = 12.5
	}
	return answer, err
}

func (s *fakeSuite) between(id string, w meter.Window, until meter.Slot) (map[string]any, error) {
	slots := s.slots(id, w)
	if len(slots) < 2 {
		return nil, meter.NotFound(meter.CodeNotEnoughReadings, "%d readings", len(slots))
	}
	from, to := slots[0], slots[len(slots)-1]
	expected := w.Until(until).Points()
	return map[string]any{
		"start_time": s.zone.Stamp(from), "start_reading": s.registers[id][from],
		"end_time": s.zone.Stamp(to), "end_reading": s.registers[id][to],
		"consumption": s.dials[id].Used(meter.Point{Slot: from, Register: s.registers[id][from]}, meter.Point{Slot: to, Register: s.registers[id][to]}),
		"readings":    len(slots), "expected_readings": expected, "complete": len(slots) == expected,
	}, nil
}

func (s *fakeSuite) slots(id string, w meter.Window) []meter.Slot {
	var slots []meter.Slot
	for slot := range s.registers[id] {
		if w.Contains(slot) {
			slots = append(slots, slot)
		}
	}
	slices.Sort(slots)
	return slots
}

func (s *fakeSuite) daily(r *http.Request) (any, error) {
	day, _ := meter.ParseDay(r.FormValue("date"))
	return s.archive("daily_"+day.String()+".csv", s.zone.DayWindow(day))
}

func (s *fakeSuite) monthly(r *http.Request) (any, error) {
	month, _ := meter.ParseMonth(r.FormValue("month"))
	s.cleared = true
	return s.archive("monthly_"+month.String()+".csv", s.zone.MonthWindow(month))
}

func (s *fakeSuite) archive(name string, w meter.Window) (any, error) {
	w.To--
	lines := []string{"meter_id,timestamp,reading"}
	var ids []string
	for id := range s.registers {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		for _, slot := range s.slots(id, w) {
			lines = append(lines, fmt.Sprintf("%s,%s,%s", id, s.zone.Stamp(slot), s.registers[id][slot]))
		}
	}
	if s.fault == dropsRow {
		lines = lines[:len(lines)-1]
	}
	err := os.WriteFile(filepath.Join(programs.ArchiveDir(s.folder), name), []byte(strings.Join(lines, "\n")+"\n"), 0o644)
	return map[string]any{"success": true, "message": "done", "archive_path": "Archive/" + name}, err
}

// next returns the nearest reading in a direction.
func (s *fakeSuite) next(id string, slot meter.Slot, step int) *meter.Point {
	for at := max(int(s.first[id]), min(int(slot)+step, int(s.last[id]))); (at-int(slot))*step > 0 && int(s.first[id]) <= at && at <= int(s.last[id]); at += step {
		if register, known := s.registers[id][meter.Slot(at)]; known {
			return &meter.Point{Slot: meter.Slot(at), Register: register}
		}
	}
	return nil
}

func (s *fakeSuite) exchange(r *http.Request) (any, error) {
	id := r.PathValue("id")
	at, err := s.zone.ParseInstant("at", r.FormValue("at"))
	if err != nil || s.fault == losesExchange {
		return struct{}{}, err
	}
	old, err := meter.ParseReading("old_reading", r.FormValue("old_reading"))
	if err != nil {
		return nil, err
	}
	first, err := meter.ParseReading("new_reading", r.FormValue("new_reading"))
	s.dials[id] = s.dials[id].With(meter.Change{At: at, Kind: meter.Exchange, Old: old, New: first})
	return struct{}{}, err
}

func (s *fakeSuite) limit(r *http.Request) (any, error) {
	over, err := meter.ParseReading("rolls_over_at", r.FormValue("rolls_over_at"))
	s.limits[r.PathValue("id")] = meter.Limits{RollsOverAt: over}
	return struct{}{}, err
}

func (s *fakeSuite) correct(r *http.Request) (any, error) {
	var asked struct {
		Corrections []struct {
			Timestamp       string
			Reading, Expect meter.Register
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		return nil, err
	}
	for _, c := range asked.Corrections {
		slot, err := s.zone.ParseSlot("timestamp", c.Timestamp)
		if registers := s.registers[r.PathValue("id")]; err != nil || registers[slot] != c.Expect {
			return nil, meter.Invalid(meter.CodeReadingConflict, "expect", "is not %s", registers[slot])
		}
		s.registers[r.PathValue("id")][slot] = c.Reading
	}
	return struct{}{}, nil
}

func (s *fakeSuite) retake(r *http.Request) (any, error) {
	id := r.PathValue("id")
	refused := s.refused[id]
	s.refused[id] = nil
	var v api.BatchResult
	for _, p := range refused {
		if _, err := s.take(id, s.zone.Stamp(p.Slot), p.Register.String()); err == nil && s.fault != forgetsRefused {
			v.Accepted++
		} else {
			v.Rejected++
		}
	}
	return v, nil
}

// exceptions lists what was refused, or the first half hour of more than 1000 kWh of a day.
func (s *fakeSuite) exceptions(r *http.Request) (any, error) {
	id, day := r.FormValue("meter_id"), r.FormValue("date")
	var found []api.Exception
	if refused := s.refused[id]; day == "" && len(refused) > 0 {
		found = append(found, api.Exception{MeterID: meter.ID(id), From: s.zone.Stamp(refused[0].Slot), Value: "1"})
	}
	for slot, register := range s.registers[id] {
		before, ok := s.registers[id][slot-1]
		if ok && day != "" && s.zone.DayOf(slot).String() == day && register.Total().Sub(before.Total()).IntPart() > 1000 {
			found = append(found, api.Exception{MeterID: meter.ID(id), From: s.zone.Stamp(slot - 1), Value: "1001"})
		}
	}
	if s.fault == findsNothing {
		found = nil
	}
	return api.Exceptions{Results: found}, nil
}
