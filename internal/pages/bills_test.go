package pages_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"meterledger/internal/meter"
)

// apiBill is the api's answer about a bill, its numbers as text.
type apiBill struct {
	billSaid
	Period   string
	Expected int `json:"expected_readings"`
	Revision int
	Previous *billSaid
}

type billSaid struct {
	Start       string `json:"start_reading"`
	End         string `json:"end_reading"`
	Consumption string
	StartTime   string `json:"start_time"`
	EndTime     string `json:"end_time"`
	Readings    int
	Complete    bool
	Lines       []struct {
		Start       string `json:"start_reading"`
		End         string `json:"end_reading"`
		Consumption string
	}
	Changes []struct {
		Old       string `json:"old_reading"`
		New       string `json:"new_reading"`
		Estimated string `json:"estimated_kwh"`
	} `json:"register_changes"`
}

func (s *suite) billOf(id, month string) (bill apiBill) {
	s.t.Helper()
	s.ask(http.MethodGet, billAsked+id+"&month="+month, "", &bill)
	return bill
}

// known returns those of some numbers that are.
func known(numbers ...string) []string {
	return slices.DeleteFunc(numbers, func(n string) bool { return n == "" })
}

// lines are the numbers of the table of what each dial counted.
func (b *billSaid) lines() (numbers []string) {
	for _, line := range b.Lines {
		numbers = append(numbers, line.Start, line.End, line.Consumption)
	}
	return append(numbers, known(b.Consumption)...)
}

// numbers are all of a bill, as its page shows them.
func (b *apiBill) numbers() []string {
	numbers := append(known(b.Consumption), b.lines()...)
	for _, c := range b.Changes {
		numbers = append(numbers, known(c.Old, c.New, c.Estimated)...)
	}
	if before := b.Previous; before != nil {
		numbers = append(numbers, known(before.Consumption, b.Consumption, before.Start, b.Start, before.End, b.End)...)
		if before.Consumption != "" && len(before.Changes)+len(b.Changes) > 0 {
			numbers = append(numbers, before.lines()...)
		}
	}
	return numbers
}

// wantBill wants the page of a bill to say what the api answers, and the list of bills too.
func (s *suite) wantBill(t testing.TB, id, month, token string) {
	t.Helper()
	bill := s.billOf(id, month)
	got := s.open("/ui/meters/"+id+"/bills/"+month, token)
	if said := got.data(t, "kwh"); !slices.Equal(said, bill.numbers()) {
		t.Errorf("the bill of %s for %s says %v, the api %v", id, month, said, bill.numbers())
	}
	for _, time := range known(bill.StartTime, bill.EndTime) {
		got.want(t, `<time datetime="`+time+`">`)
	}
	if got.says("Complete</span>") != bill.Complete || got.says("Revised</span>") != (bill.Revision > 1) {
		t.Errorf("the bill of %s for %s: its state is not that of %+v", id, month, bill)
	}
	row := s.open("/ui/meters/"+id+"/bills", token)
	_, row.body, _ = strings.Cut(row.body, "/bills/"+month+`"`)
	row.body, _, _ = strings.Cut(row.body, "</tr>")
	if said := row.data(t, "kwh"); !slices.Equal(said, known(bill.Consumption, bill.Start, bill.End)) {
		t.Errorf("the bills of %s say of %s %v, the api %+v", id, month, said, bill)
	}
}

// startBilled closes September and October 2026 of three meters: A's exchange became known only then, of
// B there is but one reading, and C sent all of October and nothing in September. Of August A has a bill too.
func startBilled(t testing.TB, s *suite) {
	t.Helper()
	s.register("A", "B", "C")
	s.record("A", "2026-08-01T00:00", "50.5")
	s.record("A", "2026-10-01T00:00", "119")
	s.record("A", "2026-10-12T10:00", "120.0", "5000.5")
	s.record("A", "2026-11-01T00:00", "5001.25")
	s.record("B", "2026-10-10T00:00", "7")
	s.record("C", "2026-10-01T00:00", count(31*48+1, 1_000, 100)...)
	for _, month := range []string{"2026-08", "2026-09", "2026-10"} {
		s.ask(http.MethodPost, "/maintenance/start?maintenance_type=monthly&month="+month, "", nil)
	}
	s.ask(http.MethodPost, "/meters/A/exchange?at=2026-10-12T10:10:00&new_reading=5000.2&estimated_kwh=0.1&new_serial=S-2%3Cb%3E", "", nil)
	s.ask(http.MethodPost, "/maintenance/start?maintenance_type=monthly&month=2026-10", "", nil)
}

func TestTheBillsOfAHouseholdSayWhatTheApiAnswers(t *testing.T) {
	s := start(t)
	startBilled(t, s)
	for _, of := range []string{"A 2026-08", "A 2026-10", "B 2026-10", "C 2026-10"} {
		id, month, _ := strings.Cut(of, " ")
		s.wantBill(t, id, month, "")
	}
	s.open("/ui/meters/A/bills", "").want(t,
		`October 2026</a></th><td class="num"><data value="70.65" class="kwh">`, "Revised</span>", "Incomplete</span>",
		`<th scope="row">September 2026</th><td class="num"></td><td colspan="3"><span class="badge">No bill: the next covers it`,
		"August 2026</a>", `href="/ui/meters/A/usage?at=2026-11-01&amp;by=month">November 2026 so far</a>`)
	s.open("/ui/meters/A/bills/2026-10", "").want(t,
		"<h1>Bill of October 2026</h1>", `rel="prev" href="/ui/meters/A/bills/2026-08"`, "It opens where the bill before it closed.",
		`<td>not known</td><td><time datetime="2026-08-01T00:00:00">`, "<bdi>S-2&lt;b&gt;</bdi>", `<data value="0.1" class="kwh">0.1</data> kWh of that are estimated`,
		"Revision 2 of", "The bill is now for", "kWh less.", "Of 1,489 readings of the month, 1,485 are missing.",
		`href="/get_readings?end=2026-11-01T00%3A00%3A00&amp;format=csv&amp;meter_id=A&amp;start=2026-10-01T00%3A00%3A00"`)
	s.open("/ui/meters/B/bills/2026-10", "").want(t, "Only one register is known", "Not known</span>")
	s.open("/ui/meters/C/bills/2026-10", "").want(t, "All 1,489 readings of the month are there.", "Complete</span>")
	s.register("D")
	s.open("/ui/meters/D/bills", "").want(t, "There is no bill yet.")
}

func TestAHouseholdSeesTheBillsOfItsTimeOnly(t *testing.T) {
	s := startGuarded(t)
	startBilled(t, s)
	own, later := s.issue(meter.RoleHousehold, "A"), s.issueWithin(t, "A", "2026-08-15T00:00:00", "2026-11-10T00:00:00")
	s.wantBill(t, "A", "2026-10", own)
	if got := s.open("/ui/meters/A/bills", later); got.says("August") || got.says("so far") {
		t.Errorf("who moved in after the first of August sees its bill:\n%s", got.body)
	}
	for path, of := range map[string]struct {
		token  string
		status int
	}{
		"A/bills/2026-08": {later, http.StatusNotFound}, "C/bills": {own, http.StatusNotFound}, "C/bills/2026-10": {own, http.StatusNotFound},
		"A/bills/2026-09": {own, http.StatusNotFound}, "A/bills/2026-12": {own, http.StatusNotFound}, "A/bills/october": {own, http.StatusBadRequest},
		"A/bills?month=2026-10": {own, http.StatusBadRequest}, "A/bills": {"", http.StatusUnauthorized},
	} {
		if got := s.get("/ui/meters/"+path, of.token); got.status != of.status {
			t.Errorf("%s: %d, want %d:\n%s", path, got.status, of.status, got.body)
		}
	}
}
