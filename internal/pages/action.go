package pages

import (
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/meter"
)

// action is something that operators do with a button: a page that says what will happen and asks
// whether to do it, and the request of the api that does it.
type action struct {
	name  string // the last part of its path
	title string
	says  string // what happens
	path  string // of the POST of the api
}

var actions = []action{
	{"shutdown", "Shut reception down", "Readings and registrations are refused until reception is resumed. Questions go on being answered.", "/shutdown"},
	{"resume", "Resume reception", "Readings and registrations are taken again.", "/resume"},
}

// actionOf returns the action that a path names.
func actionOf(r *http.Request) (*action, error) {
	for i := range actions {
		if actions[i].name == chi.URLParam(r, "action") {
			return &actions[i], nil
		}
	}
	return nil, meter.NotFound(meter.CodeNotFound, "there is no such action")
}

// confirm says what an action does, and asks whether to do it.
func (s *site) confirm(w http.ResponseWriter, r *http.Request) error {
	a, err := actionOf(r)
	if err != nil {
		return err
	}
	return s.show(w, r, staff(a.title, ""), "confirm", map[string]string{"Says": a.says, "Path": r.URL.Path, "Title": a.title})
}

// act does an action.
func (s *site) act(w http.ResponseWriter, r *http.Request) error {
	a, err := actionOf(r)
	if err != nil {
		return err
	}
	if _, err := s.send(r, http.MethodPost, a.path, url.Values{}, ""); err != nil {
		return err
	}
	http.Redirect(w, r, "/ui/operator", http.StatusSeeOther)
	return nil
}
