package pages

import (
	"cmp"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// action is something that operators do with a button: a page says what will happen and asks for
// what it must know, and the api does it. The api decides, knows who asks, and keeps who did it.
type action struct {
	name  string // the last part of its path
	title string
	says  string // what happens
	here  string // of its frame, and where it leads back to
	after string // where it leads to once it is done, if that is not the page it came from

	isOfMeter bool // it leads back to the meter's page

	// form returns what is asked for, of what is known so far.
	form func(s *site, r *http.Request, known url.Values) (form, error)
	// ask returns what the api is asked to do.
	ask func(known url.Values) (request, error)
	// preview words what the api says that it would do, and result what it did. They are nil if it
	// cannot say that, and if the page that comes after shows it.
	preview func(answer *reply) (template.HTML, error)
	result  func(answer *reply) (result, error)
}

// form is what an action asks for before it is done.
type form struct {
	About    template.HTML // what it happens to
	Fields   []field
	Button   string
	IsDanger bool // everybody notices it
	IsAsking bool // what it asks for is looked up first: it comes back to the same page

	Says, Problem, Action, Step, Back string
}

// The steps of a form: the api is asked what it would do, or to do it.
const (
	stepPreview = "preview"
	stepDo      = "do"
)

// field is a field of a form. It has the name of the api's parameter, which an error names.
type field struct {
	Name, Label, Hint string
	Type              string // of an input, or select, choice
	Value             string
	Options           []option // of a select or a choice
	IsRequired        bool
}

// option is a value that a field may have.
type option struct{ Value, Text string }

// request asks the api for a change.
type request struct {
	path       string
	parameters url.Values
	body       string // JSON, or empty
}

// result is what an action did, if no page shows it.
type result struct {
	IsWhole bool // all of it was done
	Says    string
	Facts   []fact
	Refused []refusedRow
	Back    string
}

type fact struct{ Name, Value string }

type refusedRow struct{ Where, Why string }

const actionsPath = "/ui/operator/actions"

// actionOf returns the action that a path names.
func actionOf(r *http.Request) (*action, error) {
	n := slices.IndexFunc(actions, func(a action) bool { return a.name == chi.URLParam(r, "action") })
	if n < 0 {
		return nil, meter.NotFound(meter.CodeNotFound, "there is no such action")
	}
	return &actions[n], nil
}

// confirm says what an action does, and asks whether to do it.
func (s *site) confirm(w http.ResponseWriter, r *http.Request) error {
	a, err := actionOf(r)
	if err != nil {
		return err
	}
	return s.showForm(w, r, a, r.URL.Query(), http.StatusOK, "")
}

// act does an action, or asks the api what it would do. What the api finds wrong with the form is
// said beside it.
func (s *site) act(w http.ResponseWriter, r *http.Request) error {
	a, err := actionOf(r)
	if err != nil {
		return err
	}
	known, err := httpkit.ReadForm(r)
	if err != nil {
		return err
	}
	isPreview := a.preview != nil && known.Get("step") == stepPreview
	answer, err := s.perform(r, a, known, isPreview)
	var problem string
	status, err := excuse(r, err, &problem)
	switch {
	case err != nil:
		return err
	case problem != "":
		return s.showForm(w, r, a, known, status, problem)
	case isPreview:
		return s.showPreview(w, r, a, known, answer)
	}
	remember(w, answer)
	switch {
	case a.result != nil:
		return s.showResult(w, r, a, known, answer)
	case a.after != "":
		httpkit.Redirect(w, r, a.after)
	default:
		httpkit.Redirect(w, r, a.back(known))
	}
	return nil
}

// perform asks the api to do an action, or what it would do.
func (s *site) perform(r *http.Request, a *action, known url.Values, isPreview bool) (*reply, error) {
	q, err := a.ask(known)
	if err != nil {
		return nil, err
	}
	if isPreview {
		q.parameters.Del("wait")
		q.parameters.Set("dry_run", "true")
	}
	return s.send(r, http.MethodPost, q.path, q.parameters, q.body)
}

// back returns where an action leads back to: the page of the nation that it came from, or the one
// that shows what it changes.
func (a *action) back(known url.Values) string {
	back := known.Get("back")
	id, err := meter.ParseID(known.Get("meter_id"))
	switch {
	case strings.HasPrefix(back, "/ui/operator/"):
		return back
	case a.isOfMeter && err == nil:
		return staffPath(id)
	default:
		return "/ui/operator" + a.here
	}
}

// showForm asks whether to do an action, and says what is wrong with what was sent.
func (s *site) showForm(w http.ResponseWriter, r *http.Request, a *action, known url.Values, status int, problem string) error {
	f, err := a.form(s, r, known)
	if err != nil {
		return err
	}
	f.Problem = cmp.Or(problem, f.Problem)
	f.Says, f.Action, f.Step, f.Back = a.says, r.URL.Path, stepDo, a.back(known)
	if a.preview != nil {
		f.Step, f.Button, f.IsDanger = stepPreview, "Show what would be written", false
	}
	return s.showAs(w, r, status, staff(a.title, a.here), "action", f)
}

// showPreview shows what an action would do, and asks whether to do it with the same values.
func (s *site) showPreview(w http.ResponseWriter, r *http.Request, a *action, known url.Values, answer *reply) error {
	f, err := a.form(s, r, known)
	if err == nil {
		f.About, err = a.preview(answer)
	}
	if err != nil {
		return err
	}
	for i := range f.Fields {
		f.Fields[i].Type = "hidden"
	}
	f.Says, f.Action, f.Step, f.Back = a.says, r.URL.Path, stepDo, a.back(known)
	return s.show(w, r, staff(a.title, a.here), "action", f)
}

func (s *site) showResult(w http.ResponseWriter, r *http.Request, a *action, known url.Values, answer *reply) error {
	done, err := a.result(answer)
	if err != nil {
		return err
	}
	done.Back = a.back(known)
	return s.show(w, r, staff(a.title, a.here), "result", done)
}

// actionPath returns the path of an action that leads back to a page, with names and values of what
// is known already.
func actionPath(name, back string, known ...string) string {
	parameters := url.Values{"back": {back}}
	for i := 0; i < len(known); i += 2 {
		parameters.Set(known[i], known[i+1])
	}
	return actionsPath + "/" + name + "?" + parameters.Encode()
}

// hidden are fields that a form only repeats.
func hidden(known url.Values, names ...string) (fields []field) {
	for _, name := range names {
		fields = append(fields, field{Name: name, Type: "hidden", Value: known.Get(name)})
	}
	return fields
}

// signed adds the fields of a change that is written down with a reason, and with who made it if no
// credential says so.
func (s *site) signed(fields []field, known url.Values) []field {
	fields = append(fields, field{Name: "reason", Label: "Reason", Type: "text", Value: known.Get("reason"), Hint: "It is kept, and others read it", IsRequired: true})
	if !s.Guarded {
		fields = append(fields, field{Name: "by", Label: "Your name", Type: "text", Value: known.Get("by"), Hint: "It is kept with the change"})
	}
	return fields
}

// given returns those of some parameters that have a value: a form sends the others too, empty, and
// the api takes no empty ones. Spaces around a value, which phones add, are left out.
func given(known url.Values, names ...string) url.Values {
	parameters := make(url.Values)
	for _, name := range names {
		if value := strings.TrimSpace(known.Get(name)); value != "" {
			parameters.Set(name, value)
		}
	}
	return parameters
}
