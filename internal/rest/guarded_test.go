package rest_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"meterledger/internal/access"
	"meterledger/internal/httpkit"
	"meterledger/internal/ledger"
)

// newGuardedScript is newScript with access on, meters A and B, and the tokens $operator,
// $auditor, $head_end (of all meters), $meter (of A) and $household (of A). Requests are an
// operator's until become says other.
func newGuardedScript(t testing.TB, file string) *script {
	t.Helper()
	s := newScript(t, file)
	s.run(`
access on
POST /register_account?owner_name=Tan&address=Road&meter_id=A
=> 200
POST /register_account?owner_name=Lim&address=Street&meter_id=B
=> 200
credential $meter role=meter&meters=A
credential $household role=household&meters=A`)
	return s
}

// guard turns access on, and makes the tokens $operator, $auditor and $head_end.
func (s *script) guard() {
	s.t.Helper()
	s.isGuarded = true
	s.close()
	s.open()
	file, err := s.node.FirstOperator(context.Background(), ledger.Tokens{New: access.NewToken, Sum: access.SumOfOperatorToken})
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := s.fs.Open(file)
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := io.ReadAll(f)
	f.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	s.kept["$operator"] = strings.TrimSpace(string(token))
	s.become("$operator")
	s.issue("$auditor", "role=auditor")
	s.issue("$head_end", "role=meter&meters=*")
}

func (s *script) newDoor() *access.Door {
	door := &access.Door{Came: func(*http.Request) time.Time { return s.clock() }, Address: httpkit.ClientAddr, Issuer: s.issuer}
	door.Open(s.node.Ledger)
	return door
}

// issue has an operator make a credential, and keeps its token as name, $household for one.
func (s *script) issue(name, parameters string) (id string) {
	s.t.Helper()
	before := s.as
	defer func() { s.as = before }()
	s.become("$operator")
	answer := s.send(http.MethodPost, "/credentials?"+parameters, http.Header{}, "")
	defer answer.Body.Close()
	var issued struct {
		ID    string `json:"credential_id"`
		Token string
	}
	if err := json.NewDecoder(answer.Body).Decode(&issued); err != nil || issued.Token == "" {
		s.t.Fatalf("%s:%d: a credential of %s: %s, %v", s.file, s.line, parameters, answer.Status, err)
	}
	s.kept[name] = issued.Token
	return issued.ID
}

// become sends the token that is kept as name with the requests from here on, and none for nobody.
func (s *script) become(name string) {
	s.t.Helper()
	token, ok := s.kept[name]
	if !ok && name != "nobody" {
		s.t.Fatalf("%s:%d: there is no token %s", s.file, s.line, name)
	}
	s.as = token
}

// fill puts what is kept into the words of a header's value.
func (s *script) fill(value string) string {
	words := strings.Split(value, " ")
	for i, word := range words {
		if kept, ok := s.kept[word]; ok {
			words[i] = kept
		}
	}
	return strings.Join(words, " ")
}

// signer sends the script's token with requests that have no credential of their own.
type signer struct {
	*script

	next http.RoundTripper
}

// RoundTrip makes signer an http.RoundTripper.
func (s *signer) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(r.Header["Authorization"]) == 0 && s.as != "" { // who brings one of their own may ask beside the script
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+s.as)
	}
	return s.next.RoundTrip(r)
}
