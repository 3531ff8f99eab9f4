package rest

import (
	"net/http"
	"time"

	"meterledger/internal/meter"
)

const (
	// bulkBytesMax is how much memory all bulk bodies under way may take.
	bulkBytesMax = 128 << 20
	// plainBytes is about what one takes: what was read of it, and the rows that wait. The rows
	// that are under way have a limit of their own in the ledger.
	plainBytes = 512 << 10
	// packedBytes is the same with a window and blocks of zstd.
	packedBytes = plainBytes + 5*windowBytesMax/2
	// bulkPatience is how long a body waits until others leave room for it.
	bulkPatience = 2 * time.Second
)

func newBulkBudget() *budget {
	b := newBudget(bulkBytesMax, bulkPatience, "bulk bodies", meter.KindUnavailable, meter.CodeOverloaded)
	b.isShared = true // any two meters could keep all others from sending bulks
	return b
}

// bulkBody is the text of a body of many rows. Until it is closed it holds a part of the budget.
type bulkBody struct {
	*unpacker

	turn  *turn
	close func()
}

// openBulk returns the text of r's body, whose turn has begun. If it cannot be unpacked, the
// answer names the encodings that are taken.
func (a *app) openBulk(w http.ResponseWriter, r *http.Request, turns turns) (*bulkBody, error) {
	encoding, part := r.Header.Get("Content-Encoding"), plainBytes
	if encoding != "" {
		part = packedBytes
	}
	if err := a.bulks.take(r, part); err != nil {
		return nil, err
	}
	t := &turn{turns: turns, ctx: r.Context()}
	end := func() {
		t.end()
		a.bulks.give(r, part)
	}
	body, err := unpack(encoding, arrival{r.Body, t}, unpackedBytesMax)
	if err != nil {
		w.Header().Set("Accept-Encoding", encodings)
		end()
		return nil, err
	}
	return &bulkBody{body, t, func() { body.close(); end() }}, nil
}

// Read lets other bodies go first: a text may be long and have no rows.
func (b *bulkBody) Read(p []byte) (int, error) {
	if err := b.turn.pass(); err != nil {
		return 0, err
	}
	return b.unpacker.Read(p)
}
