package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"meterledger/internal/chain"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// The headers by which several nodes are one ledger to a caller, who sends the newest position that he was told.
const (
	// positionHeader says how far the state may have come when it was read, and of a write where it stands.
	positionHeader = "Ledger-Position"
	// stalenessHeader says that only what was answered in the last so many seconds before the request may be missing.
	stalenessHeader = "Ledger-Staleness"
	// afterHeader asks for a state that has all up to a position.
	afterHeader = "Ledger-After"
	// consistencyHeader asks for a state that has all that any node has answered.
	consistencyHeader = "Read-Consistency"
)

const (
	// stalenessMin is from when on an answer says how old its state may be.
	stalenessMin = time.Second
	// stalenessUnknown is said before a node has asked the engine, as in the header Age of RFC 9111.
	stalenessUnknown = 1 << 31
)

// stalenessText returns an age in seconds, rounded up.
func stalenessText(age time.Duration) string {
	return strconv.Itoa(min(int((age-1)/time.Second)+1, stalenessUnknown))
}

// positioned returns the handler of a route with what the four headers mean. A node alone writes none of them, and its
// writes cost nothing more.
func (a *app) positioned(route route) http.Handler {
	h, isRead := route.handler, route.method == http.MethodGet
	switch {
	case route.place == thisNode || !isRead && !a.isShared:
		return h
	case !isRead:
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.position(w, r, h) })
	}
	return httpkit.Handler(func(w http.ResponseWriter, r *http.Request) error {
		if err := a.await(r); err != nil {
			return err
		}
		if !a.isShared {
			h.ServeHTTP(w, r)
			return nil
		}
		if age := a.ledger.Staleness(); age >= stalenessMin { // before the state is read, which is no older then
			w.Header().Set(stalenessHeader, stalenessText(age))
		}
		a.position(w, r, h)
		return nil
	})
}

// await returns once the state is what a read asks for.
func (a *app) await(r *http.Request) error {
	after, consistency := r.Header[afterHeader], r.Header[consistencyHeader]
	if len(after) == 0 && len(consistency) == 0 {
		return nil
	}
	sequence, err := a.sequence(after)
	if err != nil {
		return err
	}
	isStrong, err := asksForAll(consistency)
	if err == nil && isStrong {
		err = a.ledger.Latest(r.Context())
	}
	if err == nil {
		err = a.ledger.Applied(r.Context(), sequence)
	}
	return err
}

// sequence returns that of a position of this ledger, and 0 if none is given.
func (a *app) sequence(given []string) (uint64, error) {
	if len(given) == 0 {
		return 0, nil
	}
	journal, number, _ := strings.Cut(strings.Join(given, ", "), "/")
	sequence, err := strconv.ParseUint(number, 10, 64)
	if err != nil || journal != a.journal() {
		return 0, meter.Invalid(meter.CodeInvalidParameter, afterHeader, "must be one position, as %s of an answer of this ledger has it", positionHeader)
	}
	return sequence, nil
}

func asksForAll(given []string) (bool, error) {
	switch value := strings.Join(given, ", "); {
	case value == "strong":
		return true, nil
	case value == "local", len(given) == 0:
		return false, nil
	}
	return false, meter.Invalid(meter.CodeInvalidParameter, consistencyHeader, "must be strong or local")
}

// journalName returns what stands for a journal in a position. It does not tell the id, which must stay
// unknown to those who send what is written there.
func journalName(id chain.ID) string {
	sum := sha256.Sum256(id[:])
	return hex.EncodeToString(sum[:len(id)])
}

// position answers as h does, and says the position. If h sends a part of its answer before it has read all of the state, the
// position stands behind the answer, as a trailer.
func (a *app) position(w http.ResponseWriter, r *http.Request, h http.Handler) {
	p := &positionedAnswer{ResponseWriter: w, app: a}
	h.ServeHTTP(p, r)
	p.say()
}

// positionedAnswer is an answer that says its position.
type positionedAnswer struct {
	http.ResponseWriter
	app  *app
	said bool
}

// say notes the position once no more of the state is read.
func (p *positionedAnswer) say() {
	if p.said {
		return
	}
	p.said = true
	if header := p.Header(); len(header[positionHeader]) == 0 { // else another node has answered
		_, sequence := p.app.ledger.Position()
		header.Set(positionHeader, p.app.journal()+"/"+strconv.FormatUint(sequence, 10))
	}
}

func (p *positionedAnswer) begin() {
	if len(p.Header()[trailerHeader]) == 0 {
		p.say()
	}
}

func (p *positionedAnswer) WriteHeader(status int) {
	p.begin()
	p.ResponseWriter.WriteHeader(status)
}

func (p *positionedAnswer) Write(b []byte) (int, error) {
	p.begin()
	return p.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (p *positionedAnswer) Unwrap() http.ResponseWriter { return p.ResponseWriter }

const trailerHeader = "Trailer"

// sayBehind says that the position follows an answer that has not begun yet.
func sayBehind(w http.ResponseWriter) { w.Header().Set(trailerHeader, positionHeader) }
