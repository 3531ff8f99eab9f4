package pages_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"meterledger/api"
	"meterledger/internal/meter"
)

// lifeOf is what the api answers about a meter and its corrections, its numbers as text.
func (s *suite) lifeOf(id string) (life struct {
	First   string `json:"first_reading"`
	Last    string `json:"last_reading"`
	RollsAt string `json:"rolls_over_at"`
	Changes []struct {
		Old string `json:"old_reading"`
		New string `json:"new_reading"`
	} `json:"register_changes"`
	Corrections []struct{ Before, After string }
},
) {
	s.t.Helper()
	s.ask(http.MethodGet, "/meters/"+id+"?numbers=string", "", &life)
	var history struct {
		Results *[]struct{ Before, After string } `json:"results"`
	}
	history.Results = &life.Corrections
	s.ask(http.MethodGet, "/meters/"+id+"/history?numbers=string&page_size=50", "", &history)
	return life
}

// wantAbout wants the page about a household to say what the api answers.
func (s *suite) wantAbout(t testing.TB, id, token string) {
	t.Helper()
	life := s.lifeOf(id)
	want := known(life.RollsAt, life.First, life.Last)
	for _, c := range life.Changes {
		want = append(want, c.Old, c.New)
	}
	for _, c := range life.Corrections {
		want = append(want, known(c.Before, c.After)...)
	}
	if said := s.open("/ui/meters/"+id+"/about", token).data(t, "kwh"); !slices.Equal(said, want) {
		t.Errorf("the page about %s says %v, the api %v", id, said, want)
	}
}

// correct corrects readings of a meter: times, what they were, and what they are; empty to withdraw one.
func (s *suite) correct(id string, corrections ...[3]string) {
	s.t.Helper()
	var list []string
	for _, c := range corrections {
		now := `"reading":null`
		if c[2] != "" {
			now = `"reading":` + c[2]
		}
		list = append(list, fmt.Sprintf(`{"timestamp":%q,"expect":%s,%s}`, c[0], c[1], now))
	}
	var done api.Corrected
	s.ask(http.MethodPost, "/meters/"+id+"/corrections", `{"reason":"misread <i>","corrections":[`+strings.Join(list, ",")+`]}`, &done)
	if done.Corrected+done.Withdrawn != len(list) {
		s.t.Fatalf("%s: %+v", id, done)
	}
}

func TestWhatIsKnownOfAHouseholdIsWhatTheApiAnswers(t *testing.T) {
	s := startGuarded(t)
	startBilled(t, s)
	s.ask(http.MethodPatch, "/meters/A?rolls_over_at=100000&owner_name="+url.QueryEscape(`<b>"Tan" & 'Lim'`), "", nil)
	s.correct("A", [3]string{"2026-10-12T10:00:00", "120", "119.5"}, [3]string{"2026-10-01T00:00:00", "119", ""})
	own := s.issue(meter.RoleHousehold, "A")
	for _, id := range []string{"A", "B", "C"} {
		s.wantAbout(t, id, s.operator)
	}
	s.wantAbout(t, "A", own)
	got := s.open("/ui/meters/A/about", own)
	got.want(t, "<h1>My data</h1>", "<bdi>&lt;b&gt;&#34;Tan&#34; &amp; &#39;Lim&#39;</bdi>", "<bdi>Orchard Road</bdi>", "<bdi>S-2&lt;b&gt;</bdi>", "withdrawn", "<bdi>misread &lt;i&gt;</bdi>",
		`href="/get_readings?end=2026-11-01T00%3A00%3A00&amp;format=csv&amp;meter_id=A&amp;start=2026-08-01T00%3A00%3A00"`,
		"You are logged in as a household, <bdi>a test</bdi>, with the credential <code>", "It shows this meter, from the first reading on, without end.")
	s.open("/ui/meters/A/about", s.operator).want(t, "as an operator", "It shows all meters,")
	s.open("/ui/meters/A/about", s.issue(meter.RoleHousehold, "A", "B", "C")).want(t, "It shows this meter and 2 others,")
	s.open("/ui/meters/A/about", s.issueWithin(t, "A", "2026-10-05T00:00:00", "2026-10-20T00:00:00")).want(t,
		`from <time datetime="2026-10-05T00:00:00">Mon 5 Oct 2026 00:00</time> until <time datetime="2026-10-20T00:00:00">`, "of another time are not shown", "Most power</th><td>not known")
	if got := s.get("/ui/meters/B/about", own); got.status != http.StatusNotFound {
		t.Errorf("another home: %d", got.status)
	}
	off := start(t)
	off.register("A")
	off.open("/ui/meters/A/about", "").want(t, "Access is off", "There are none.", "There were none.", "<bdi>Owner of A</bdi>")
}

func TestTheCSVOfAHouseholdHasAllItsReadings(t *testing.T) {
	s := start(t)
	startBilled(t, s)
	for id, want := range map[string]int{"A": 5, "C": 31*48 + 1} {
		href := regexp.MustCompile(`href="(/get_readings[^"]*)"`).FindStringSubmatch(s.open("/ui/meters/"+id+"/about", "").body)[1]
		csv := s.do(s.request(http.MethodGet, html.UnescapeString(href), "", nil))
		if lines := regexp.MustCompile(`(?m)^`+id+`,.*$`).FindAllString(csv.body, -1); csv.status != http.StatusOK || len(lines) != want {
			t.Errorf("%s of %s: %d, %d rows, want %d:\n%.300s", href, id, csv.status, len(lines), want, csv.body)
		}
	}
}

func TestTheCorrectionsOfAHouseholdAreTurnedOver(t *testing.T) {
	s := start(t)
	s.register("A")
	s.record("A", "2026-11-20T00:00", count(60, 1000, 100)...)
	var corrections [][3]string
	for i, register := range count(60, 1000, 100) {
		corrections = append(corrections, [3]string{s.zone.Stamp(s.slot("2026-11-20T00:00:00") + meter.Slot(i)), register, count(1, 1000+i*100+1, 0)[0]})
	}
	s.correct("A", corrections...)
	first := s.open("/ui/meters/A/about", "")
	more := regexp.MustCompile(`rel="next" href="(/ui/meters/A/about\?corrections=[^"#]*)#corrections"`).FindStringSubmatch(first.body)
	if more == nil {
		t.Fatalf("there are no more:\n%s", first.body)
	}
	second := s.open(more[1], "")
	if a, b := len(first.data(t, "kwh")), len(second.data(t, "kwh")); a != 2+2*50 || b != 2+2*10 {
		t.Errorf("the pages have %d and %d numbers", a, b)
	}
	second.want(t, `href="/ui/meters/A/about#corrections">First corrections`)
	if got := s.get("/ui/meters/A/about?corrections=x", ""); got.status != http.StatusBadRequest {
		t.Errorf("a foreign cursor: %d", got.status)
	}
}
