package metric

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"
)

// Minute counts what is refused by its code, and tells the log how much it was: one line a minute,
// because a line each could fill the disk. It may be used by many goroutines.
type Minute struct {
	Log     *slog.Logger
	Message string
	Unit    string // what is counted: requests, readings

	mu     sync.Mutex // guards byCode
	byCode map[string]int
}

// toldEvery is how long is counted before the log is told.
const toldEvery = time.Minute

// Add counts one.
func (m *Minute) Add(code string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byCode == nil {
		m.byCode = make(map[string]int)
		time.AfterFunc(toldEvery, m.tell)
	}
	m.byCode[code]++
}

func (m *Minute) tell() {
	m.mu.Lock()
	byCode := m.byCode
	m.byCode = nil
	m.mu.Unlock()
	total, codes := 0, []any{}
	for _, code := range slices.Sorted(maps.Keys(byCode)) {
		total += byCode[code]
		codes = append(codes, slog.Int(code, byCode[code]))
	}
	m.Log.Warn(m.Message, m.Unit, total, slog.Group("code", codes...))
}
