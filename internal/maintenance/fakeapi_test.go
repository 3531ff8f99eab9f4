package maintenance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"syscall"

	"meterledger/api"
)

// fakeAPI stands in for the api. It is a transport that needs no network, so
// that it can live in a synctest bubble, where hours pass at once.
type fakeAPI struct {
	mu       sync.Mutex // guards all below
	away     bool       // nothing listens
	archives []api.Archive
	due      []api.DuePeriod
	state    string // of every archive; manifest_missing where it is empty
	zone     string // Asia/Singapore where it is empty
	noMeters bool
	// lastDaily is what it says of its last daily run, in JSON; null where it is empty.
	lastDaily string
	guarded   bool // the service has access on
	// tokenFile has the service's own token; it has none where this is empty.
	tokenFile string
	// roles are of those who may ask, by their Authorization header; nil is access off.
	roles   map[string]string
	along   string   // is archived with whatever is asked for
	started []string // the periods asked for, in order

	// start answers the next POST /maintenance/start, 200 where it is nil. It may
	// block, and looks at the request's context when it does.
	start func(*http.Request) (status int, body string)
	// health answers /healthz, 200 where it is nil.
	health func(*http.Request)
}

func (f *fakeAPI) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeAPI) onStart(answer func(*http.Request) (status int, body string)) {
	f.set(func() { f.start = answer })
}

func (f *fakeAPI) onHealth(answer func(*http.Request)) { f.set(func() { f.health = answer }) }

func (f *fakeAPI) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.started...)
}

func (f *fakeAPI) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	away := f.away
	f.mu.Unlock()
	if away {
		return nil, syscall.ECONNREFUSED
	}
	w := httptest.NewRecorder()
	f.serve(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	response := w.Result()
	response.Request = r
	return response, nil
}

func (f *fakeAPI) serve(w http.ResponseWriter, r *http.Request) {
	if status, body := f.judge(r); status != http.StatusOK {
		writeJSON(w, status, body)
		return
	}
	switch r.URL.Path {
	case "/healthz":
		f.mu.Lock()
		health := f.health
		f.mu.Unlock()
		if health != nil {
			health(r)
		}
		writeJSON(w, http.StatusOK, `{"status":"ok"}`)
	case "/whoami":
		f.mu.Lock()
		role, id := "operator", "null"
		if f.roles != nil {
			role, id = f.roles[r.Header.Get("Authorization")], `"abcdefghijklmnop"`
		}
		f.mu.Unlock()
		writeJSON(w, http.StatusOK, fmt.Sprintf(`{"credential_id":%s,"role":%q,"label":null,"meters":["*"],"from":null,"until":null}`, id, role))
	case "/maintenance/status":
		f.mu.Lock()
		listed := []api.ArchiveListing{}
		for _, a := range f.archives {
			listed = append(listed, api.ArchiveListing{Archive: a, WrittenAt: "2000-01-01T00:05:00", State: cmp.Or(f.state, "manifest_missing")})
		}
		due, _ := json.Marshal(append([]api.DuePeriod{}, f.due...))
		zone, meters, lastDaily := cmp.Or(f.zone, "Asia/Singapore"), 1, cmp.Or(f.lastDaily, "null")
		if f.noMeters {
			meters = 0
		}
		archives, _ := json.Marshal(listed)
		f.mu.Unlock()
		writeJSON(w, http.StatusOK, fmt.Sprintf(`{"is_maintenance_mode":false,"is_receiving_data":true,"accepting":{"readings":true,"reason":null},"timestamp":"2000-01-01T08:00:00","timezone":%q,
			"running":null,"last_runs":{"daily":%s,"monthly":null},"archives":%s,"due":%s,"meters":%d}`, zone, lastDaily, archives, due, meters))
	case "/maintenance/start":
		status, body := f.run(r)
		writeJSON(w, status, body)
	default:
		http.NotFound(w, r)
	}
}

// judge answers whoever may not ask: everything but /healthz is for operators, GETs for auditors too.
func (f *fakeAPI) judge(r *http.Request) (status int, body string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent := strings.Join(r.Header.Values("Authorization"), ", ")
	role := f.roles[sent]
	switch {
	case f.roles == nil, r.URL.Path == "/healthz" && sent == "", r.URL.Path == "/whoami" && slices.Contains([]string{"operator", "auditor", "meter"}, role), role == "operator", role == "auditor" && r.Method == http.MethodGet:
		return http.StatusOK, ""
	case role == "":
		return problem(http.StatusUnauthorized, "unauthorized", "the credential is not known")
	case role == "guesser":
		return problem(http.StatusTooManyRequests, "rate_limited", "too many wrong credentials")
	}
	return problem(http.StatusForbidden, "forbidden", "the role "+role+" may not do this")
}

func (f *fakeAPI) run(r *http.Request) (status int, body string) {
	kind, period := r.FormValue("maintenance_type"), r.FormValue("date")+r.FormValue("month")
	f.mu.Lock()
	f.started = append(f.started, period)
	start := f.start
	f.mu.Unlock()
	if start != nil {
		if status, body := start(r); status != http.StatusOK {
			return status, body
		}
	}
	archive := archived(period)
	f.set(func() {
		f.archives = append(f.archives, archive)
		f.due = slices.DeleteFunc(f.due, func(d api.DuePeriod) bool { return d.Period == period })
	})
	all := []api.Archive{archive}
	if f.along != "" {
		all = append(all, archived(f.along))
	}
	encoded, _ := json.Marshal(all)
	return http.StatusOK, fmt.Sprintf(`{"success":true,"message":"done","timestamp":"2000-01-01T08:00:00","maintenance_type":%q,"archives":%s}`, kind, encoded)
}

// archived is the archive of a period.
func archived(period string) api.Archive {
	kind := "daily"
	if len(period) == len("2006-01") {
		kind = "monthly"
	}
	return api.Archive{Period: period, File: "Archive/" + kind + "_" + period + ".csv", Rows: 576, SHA256: strings.Repeat("0", 64)}
}

func problem(status int, code, detail string) (int, string) {
	return status, fmt.Sprintf(`{"type":"about:blank","title":%q,"status":%d,"detail":%q,"code":%q}`,
		http.StatusText(status), status, detail, code)
}

func writeJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	if status >= http.StatusBadRequest {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="meterledger"`)
	}
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "5")
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
