package tour

import (
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
	cleared   bool
	wasBusy   map[string]bool
	url       string
}

func newFakeSuite(t *testing.T, f fault, zone *meter.Zone, now time.Time) *fakeSuite {
	s := &fakeSuite{fault: f, zone: zone, now: now, folder: t.TempDir(), registers: map[string]map[meter.Slot]meter.Register{}, wasBusy: map[string]bool{}}
	mux := http.NewServeMux()
	for pattern, answer := range map[string]func(*http.Request) (any, error){
		"POST /register_account":            s.register,
		"POST /receive_meter_reading":       s.receiveOne,
		"POST /receive_meter_readings":      s.receiveMany,
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
	for other, recorded := range registers {
		if s.fault != takesMistakes && other < slot && register.Cmp(recorded) < 0 {
			return false, meter.Invalid(meter.CodeReadingDecreases, "reading", "is less than %s", recorded)
		}
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
		"consumption": s.registers[id][to].Total().Sub(s.registers[id][from].Total()),
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
