package httpkit

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"meterledger/internal/meter"
)

// refusals counts the requests that were answered 503, and tells the log how many there were:
// one line a minute, because a line each could fill the disk.
type refusals struct {
	log *slog.Logger

	mu     sync.Mutex // guards byCode
	byCode map[meter.Code]int
}

// toldEvery is how long refusals are counted before the log is told.
const toldEvery = time.Minute

func (r *refusals) add(code meter.Code) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byCode == nil {
		r.byCode = make(map[meter.Code]int)
		time.AfterFunc(toldEvery, r.tell)
	}
	r.byCode[code]++
}

func (r *refusals) tell() {
	r.mu.Lock()
	byCode := r.byCode
	r.byCode = nil
	r.mu.Unlock()
	total, codes := 0, []any{}
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		total += byCode[code]
		codes = append(codes, slog.Int(string(code), byCode[code]))
	}
	r.log.Warn("requests were refused with 503 in the last minute", "requests", total, slog.Group("code", codes...))
}
