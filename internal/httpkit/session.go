package httpkit

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"meterledger/internal/meter"
)

// A session is a cookie with the token that somebody logged in with. The door judges it at each
// request like a header, so a session ends with its credential, and all programs of a host know it.
const (
	sessionCookie = "__Host-meterledger"
	// cookieBytesMax is the largest value of a cookie that browsers keep.
	cookieBytesMax = 4000

	loginPath  = "/ui/login"
	logoutPath = "/ui/logout"

	sessionOfStaff     = 12 * time.Hour
	sessionOfHousehold = 30 * 24 * time.Hour
)

// openSession has a request with the cookie of a session, and no other credential, ask with the token
// of it.
func openSession(r *http.Request) bool {
	if len(r.Header["Cookie"]) == 0 || len(r.Header["Authorization"]) > 0 {
		return false
	}
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || cookie.Value == "" {
		return false
	}
	r.Header.Set("Authorization", "Bearer "+cookie.Value)
	return true
}

// needsNobody reports whether a request is for what is the same without a session: to log in or out,
// and what pages look like.
func needsNobody(r *http.Request) bool {
	path := r.URL.Path
	return path == loginPath || path == logoutPath || strings.HasPrefix(path, assetsPath)
}

// endSession has the browser forget a session.
func endSession(w http.ResponseWriter) { setSession(w, "", -1) }

func setSession(w http.ResponseWriter, token string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

func mountLogin(r chi.Router, p *Program) {
	r.Method(http.MethodGet, loginPath, For(meter.Anyone, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.Door == nil {
			Redirect(w, r, "/")
			return
		}
		writeLogin(w, r, http.StatusOK, "", "/")
	})))
	r.Method(http.MethodPost, loginPath, For(meter.Anyone, Handler(p.login)))
	r.Method(http.MethodPost, logoutPath, For(meter.Anyone, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		endSession(w)
		w.Header().Set("Clear-Site-Data", `"cache"`) // so that nobody goes back to what was shown
		Redirect(w, r, loginPath)
	})))
}

// loginForm is what the form to log in sends.
type loginForm struct {
	Token string `param:"token,required"`
	To    string `param:"to"`
}

// login begins a session if the door knows the token that was sent. A token in the path's query is
// not looked at: logs of proxies have that.
func (p *Program) login(w http.ResponseWriter, r *http.Request) error {
	if p.Door == nil {
		Redirect(w, r, "/")
		return nil
	}
	var form loginForm
	b := newBinder(&form)
	err := b.body(r)
	if err == nil {
		err = b.finish(nil, &form)
	}
	token, to := strings.TrimSpace(form.Token), ownPage(form.To)
	if err == nil && len(token) > cookieBytesMax {
		err = invalid("token", "has more than %d characters", cookieBytesMax)
	}
	var caller meter.Caller
	if err == nil {
		caller, err = p.holder(r, token)
	}
	if err != nil {
		return refuseLogin(w, r, err, to)
	}
	length := sessionOfStaff
	if caller.Role == meter.RoleHousehold {
		length = sessionOfHousehold
	}
	setSession(w, token, int(length.Seconds()))
	Redirect(w, r, to)
	return nil
}

// holder returns who holds a token.
func (p *Program) holder(r *http.Request, token string) (meter.Caller, error) {
	asks := r.Clone(r.Context())
	asks.Header.Set("Authorization", "Bearer "+token)
	caller, err := p.Door.Caller(asks)
	if err == nil && caller.Role == meter.RoleMeter {
		err = meter.Errorf(meter.KindForbidden, meter.CodeForbidden, "this token is a meter's, which sends readings and has no pages")
	}
	return caller, err
}

// refuseLogin answers with the form again, if another token may do.
func refuseLogin(w http.ResponseWriter, r *http.Request, err error, to string) error {
	e, ok := errors.AsType[*meter.Error](err)
	if !ok || e.Kind != meter.KindInvalid && e.Kind != meter.KindUnauthorized && e.Kind != meter.KindForbidden {
		return err
	}
	writeLogin(w, r, statusOf[e.Kind], Sentence(e.Detail), to)
	return nil
}

// ownPage returns the path of a page of this program, and / for what is none.
func ownPage(path string) string {
	if !strings.HasPrefix(path, "/ui/") || strings.ContainsAny(path, "\\\t\r\n") {
		return "/"
	}
	return path
}

// writeLogin answers with the form to log in.
func writeLogin(w http.ResponseWriter, r *http.Request, status int, problem, to string) {
	to = ownPage(to)
	if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Method == http.MethodGet {
		w.Header().Set("Refresh", "0; url="+to) // who followed a link of another site may have a session, which is not sent then
	}
	var notice HTML
	if problem != "" {
		notice = Markup(`<p class="notice bad" role="alert">%s</p>`, problem)
	}
	WritePage(w, r, status, Frame{Title: "Log in"}, Markup(`%s<form class="login" method="post" action="/ui/login">
<p><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus spellcheck="false"></p>
<input type="hidden" name="to" value="%s">
<p><button class="primary">Log in</button></p>
<p class="quiet">Whoever runs this system gives out tokens. They begin with <code>mlh_</code> for a household, and with <code>mlo_</code> or <code>mla_</code> for its staff.</p>
</form>`, notice, to))
}
