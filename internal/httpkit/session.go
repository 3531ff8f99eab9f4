package httpkit

import (
	"cmp"
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

// endSession has the browser forget a session.
func endSession(w http.ResponseWriter) { setSession(w, "", -1) }

func setSession(w http.ResponseWriter, token string, seconds int) {
	http.SetCookie(w, &http.Cookie{
		Name: sessionCookie, Value: token, Path: "/", MaxAge: seconds, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

func mountLogin(r chi.Router, p *Program) {
	r.Method(http.MethodGet, "/ui/login", For(meter.Anyone, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeLogin(w, r, http.StatusOK, "", "/")
	})))
	r.Method(http.MethodPost, "/ui/login", For(meter.Anyone, Handler(p.login)))
	r.Method(http.MethodPost, "/ui/logout", For(meter.Anyone, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		endSession(w)
		Redirect(w, r, "/ui/login")
	})))
}

// login begins a session if the door knows the token that was sent.
func (p *Program) login(w http.ResponseWriter, r *http.Request) error {
	if p.Door == nil {
		Redirect(w, r, "/")
		return nil
	}
	r.Body = http.MaxBytesReader(w, r.Body, 2*cookieBytesMax)
	if err := r.ParseForm(); err != nil {
		return err
	}
	token, to := strings.TrimSpace(r.PostForm.Get("token")), ownPath(r.PostForm.Get("to"))
	if token == "" || len(token) > cookieBytesMax {
		writeLogin(w, r, http.StatusBadRequest, "A token is needed, of at most 4,000 characters.", to)
		return nil
	}
	asks := r.Clone(r.Context())
	asks.Header.Set("Authorization", "Bearer "+token)
	caller, err := p.Door.Caller(asks)
	if isUnauthorized(err) {
		writeLogin(w, r, http.StatusUnauthorized, sentence(err.Error()), to)
		return nil
	}
	if err != nil {
		return err
	}
	length := sessionOfStaff
	if caller.Role == meter.RoleHousehold {
		length = sessionOfHousehold
	}
	setSession(w, token, int(length.Seconds()))
	Redirect(w, r, to)
	return nil
}

// ownPath returns a path of this program, and / for what is none.
func ownPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\t\r\n") {
		return "/"
	}
	return path
}

// writeLogin answers with the form to log in.
func writeLogin(w http.ResponseWriter, r *http.Request, status int, problem, to string) {
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
</form>`, notice, cmp.Or(to, "/")))
}
