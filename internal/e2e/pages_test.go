package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// examples are pages to which no link leads. To all others one must lead.
var examples = map[string][]string{
	"api":     {"/ui/", "/ui/meters", "/ui/login", "/ui/meters/NOBODY", "/ui/nothing"},
	"daily":   {"/ui/login"},
	"monthly": {"/ui/login"},
}

// variable is a part of a path that makes no other page of it.
var variable = regexp.MustCompile(`MAC\d+|\d{4}-\d{2}(-\d{2})?`)

// class returns a path as it is of all pages that are made alike: what stands in it for a meter or a time
// is left out, and of its parameters all but by, which makes a day another page than a year.
func class(path string) string {
	path, query, _ := strings.Cut(path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return path + "?" + query
	}
	for name := range values {
		if name != "by" {
			values.Set(name, "")
		}
	}
	return variable.ReplaceAllString(path, "*") + "?" + values.Encode()
}

// inBraces is a parameter in a pattern.
var inBraces = regexp.MustCompile(`\{[^}]*\}`)

// patternOf returns the route that a path is of.
func patternOf(routes []string, path string) string {
	path, _, _ = strings.Cut(path, "?")
	best := ""
	for _, route := range routes {
		pattern, isGet := strings.CutPrefix(route, http.MethodGet+" ")
		matches := regexp.MustCompile("^" + inBraces.ReplaceAllString(pattern, "[^/]+") + "$").MatchString
		if isGet && matches(path) && (best == "" || !strings.Contains(pattern, "{")) {
			best = pattern
		}
	}
	return best
}

// TestEveryPageInABrowser follows every link of the pages of the three programs, as each role, and looks
// at what it finds in both colours, on a phone and on a desk, with and without scripts.
func TestEveryPageInABrowser(t *testing.T) {
	browser := browse(t)
	n := startNation(t, owners)
	n.settle()
	v := visitors{nation: n, routes: make(map[string][]string)}
	for program := range n.bases() {
		v.routes[program] = routesOf(t, program)
	}
	var looking sync.WaitGroup
	for role, classesMax := range map[string]int{"operator": allClasses, "household": allClasses, "landlord": 1, "auditor": 1, stranger: 1} {
		tab := newTab(t, browser)
		looking.Go(func() { v.send(tab, role, classesMax) })
	}
	looking.Wait()
	for program, routes := range v.routes {
		for _, route := range routes {
			path, isGet := strings.CutPrefix(route, http.MethodGet+" ")
			if _, isMet := v.met.Load(program + path); isGet && isPagePath(path) && !isMet {
				t.Errorf("no link leads to %s of %s: state an example of it here", path, program)
			}
		}
	}
	if err := n.Stop(); err != nil {
		t.Error(err)
	}
}

// allClasses is more than the classes of any route.
const allClasses = 12

// stranger has no credential.
const stranger = "stranger"

// visitors look at the pages of a nation. What axe says of a page depends on what the page shows, so it is
// asked once of what several see.
type visitors struct {
	*nation
	routes map[string][]string // by program
	met    sync.Map            // routes that were met
	asked  sync.Map            // contents and looks that axe was asked about
}

func (n *nation) bases() map[string]string {
	return map[string]string{"api": n.API.URL, "daily": n.Daily.URL, "monthly": n.Monthly.URL}
}

// send has a role look at all pages that links lead to, but at no more than so many of one route.
func (v *visitors) send(tab *tab, role string, classesMax int) {
	if role != stranger {
		if err := tab.login(v.API.URL, v.tokens[role]); err != nil {
			v.t.Error(role, err)
			return
		}
	}
	for program, base := range v.bases() {
		classes, seen := make(map[string]int), make(map[string]bool)
		next := v.beginnings(program, role)
		for linked := -len(next); len(next) > 0; next, linked = next[1:], linked+1 {
			pattern, of := patternOf(v.routes[program], next[0]), class(next[0])
			if seen[of] || classes[pattern] >= classesMax {
				continue
			}
			seen[of] = true
			classes[pattern]++
			if role != stranger {
				v.met.Store(program+pattern, true)
			}
			scripts := []bool{true, false}
			if classesMax < allClasses { // others have seen the page without
				scripts = scripts[:1]
			}
			status, found, err := v.look(tab, base+next[0], program+"_"+role+class(next[0]), scripts)
			if linked >= 0 && status >= http.StatusBadRequest {
				err = errors.Join(err, fmt.Errorf("a link leads to it, and it has the status %d", status))
			}
			if err != nil {
				v.t.Errorf("%s%s as %s: %v", program, next[0], role, err)
			}
			next = append(next, found...)
		}
	}
}

// beginnings are the pages that are looked at whatever leads to them. Operators try the examples too, and
// a stranger, whom no link leads anywhere, each route.
func (v *visitors) beginnings(program, role string) []string {
	begin := []string{"/"}
	if role == "operator" {
		begin = append(begin, examples[program]...)
	}
	if role != stranger {
		return begin
	}
	for _, route := range v.routes[program] {
		if path, isGet := strings.CutPrefix(route, http.MethodGet+" "); isGet && isPagePath(path) {
			begin = append(begin, inBraces.ReplaceAllString(path, v.homes[0].id))
		}
	}
	return begin
}

// look looks at a page, and returns its status, the pages that it leads to, in order, and all that is
// wrong with it.
func (v *visitors) look(tab *tab, address, name string, with []bool) (status int64, found []string, wrong error) {
	for _, scripts := range with {
		wrong = errors.Join(wrong, tab.withScripts(scripts))
		var err error
		status, err = tab.visit(address)
		if err == nil && status >= http.StatusInternalServerError {
			err = fmt.Errorf("it has the status %d", status)
		}
		err = errors.Join(err, tab.withScripts(true)) // for what is asked of it here; without, its own were left out
		if err != nil {
			return status, nil, errors.Join(wrong, err)
		}
		for _, as := range looks {
			if !scripts && as.rules == "" {
				continue // what a page is without scripts is drawn alike
			}
			if err := v.lookAs(tab, as); err != nil {
				wrong = errors.Join(wrong, fmt.Errorf("%d px, %s, scripts %v: %w", as.width, as.scheme, scripts, err))
			}
			if scripts {
				wrong = errors.Join(wrong, tab.keep(fmt.Sprintf("%s_%d_%s", name, as.width, as.scheme)))
			}
		}
		if scripts {
			cut, err := tab.cut()
			if err == nil && cut != "" {
				err = errors.New("printed, it is cut off: " + cut)
			}
			wrong = errors.Join(wrong, err, tab.walk())
		}
		for _, fault := range tab.takeFaults() {
			wrong = errors.Join(wrong, fmt.Errorf("scripts %v: %s", scripts, fault))
		}
	}
	found, err := ask[[]string](tab, links)
	slices.Sort(found)
	return status, slices.DeleteFunc(found, func(path string) bool { return !isPagePath(path) }), errors.Join(wrong, err)
}

// look is how a page is seen.
type look struct {
	width  int64
	scheme string
	rules  string // that axe is asked about; empty for none
}

// looks are how a page is seen. Each width and each scheme of colours is once looked at by axe, the second
// time by what depends on them.
var looks = []look{{1280, "light", wcag}, {1280, "dark", ""}, {390, "dark", ofLook}, {390, "light", ""}}

func (v *visitors) lookAs(tab *tab, as look) error {
	if err := tab.see(as.width, as.scheme); err != nil {
		return err
	}
	wide, err := ask[string](tab, overflow)
	if err == nil && wide != "" {
		err = errors.New("it is wider than its window: " + wide)
	}
	if err != nil || as.rules == "" {
		return err
	}
	shown, err := ask[string](tab, content)
	if err != nil {
		return err
	}
	if _, isAsked := v.asked.LoadOrStore(fmt.Sprint(as, shown), true); isAsked {
		return nil
	}
	against, err := tab.violations(as.rules)
	if len(against) > 0 {
		err = errors.New(strings.Join(against, "\n"))
	}
	return err
}

// content is what a page shows, which has one heading of the first level. Where a login leads shows nowhere.
const content = `document.querySelector("h1").innerText && document.body.innerHTML.replaceAll(/request <code>[A-Z2-7]+|name="to" value="[^"]*"/g, "")`
