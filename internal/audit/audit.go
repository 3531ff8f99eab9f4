// Package audit keeps the log of what people change and of whom the door refuses: files of JSON
// lines, one a month, which are only appended to.
//
// The line of a change is on the disk before the change begins. If it cannot be written the
// change is refused. What a crash leaves of a line stays, and is told apart.
//
// # Crash safety
//
//  1. The line "begun" is written and fsynced, with all that has gathered; of a new file the
//     folder too. A crash before leaves no line, or a part of one, and nothing was changed.
//  2. The change is made. A crash leaves the line "begun" alone: whether the change was made,
//     the journal says.
//  3. The line of the answer is written and fsynced, and nobody waits for that.
//
// The file of a month is opened when its first line comes. If it does not end with the end of a
// line, the part that is there is ended first. It is opened anew if it is not in its place any more,
// or not as long as it was left: what is appended to a file that was removed is lost.
package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"meterledger/api"
	"meterledger/internal/durable"
	"meterledger/internal/meter"
)

// Options says where an audit log lives and what it works with.
type Options struct {
	FS     vfs.FS
	Folder string // created with the first line
	Zone   *meter.Zone
	Now    func() time.Time
	Log    *slog.Logger
	// FreeMin is how many bytes must be free on the disk for refusals to be written; below a
	// quarter of it no change begins.
	FreeMin uint64
	// Slow is how long a change waits for the disk before it is refused; 0 is any time.
	Slow time.Duration
}

// Log is an open audit log. It may be used by many goroutines.
type Log struct {
	o        Options
	refusals refusals
	file     file // of the writer alone
	failing  bool // of the writer alone: the last lines could not be written

	mu      sync.Mutex // guards all below
	waiting []entry    // not yet written, in order of time
	written Place      // what may be read of the file that is being written
	isFull  bool       // the disk, when the writer last looked
	ended   bool

	wake chan struct{} // holds a token while something waits
	done chan struct{} // closed when the writer has ended
}

// entry is a line on its way to the disk.
type entry struct {
	month    meter.Month
	text     []byte     // nil only tells when all before is written
	result   chan error // takes one error; nil if nobody waits
	isChange bool       // it must survive a power cut
}

// waitingMax is how many lines may wait for a disk that does not answer.
const waitingMax = 10_000

var (
	errDiskFull = meter.Unavailable(meter.CodeDiskFull, 10*time.Second,
		"the disk is nearly full: a change is made only once it is written into the audit log, so try again as soon as there is space")
	errDiskSlow = meter.Unavailable(meter.CodeDiskSlow, 5*time.Second,
		"the disk does not answer: a change is made only once it is written into the audit log, so try again as soon as it does")
)

// Open returns the audit log of a folder, and touches no file yet.
func Open(o Options) *Log {
	l := &Log{o: o, file: file{fs: o.FS, folder: o.Folder, log: o.Log}, wake: make(chan struct{}, 1), done: make(chan struct{})}
	l.refusals.write = func(line api.AuditLine) { l.add(line, nil, false) }
	go l.write() // until Close
	return l
}

// Close writes what waits and ends the log.
func (l *Log) Close() error {
	l.refusals.tell()
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.nudge()
	<-l.done
	return l.file.close()
}

// Begin writes a line and returns when it is on the disk. An error means that what the line
// tells of must not be done: disk_full, disk_slow, or what the disk said.
func (l *Log) Begin(line api.AuditLine) error {
	result := make(chan error, 1)
	if !l.add(line, result, true) {
		return errDiskSlow
	}
	if l.o.Slow == 0 {
		return <-result
	}
	patience := time.NewTimer(l.o.Slow)
	defer patience.Stop()
	select {
	case err := <-result:
		return err
	case <-patience.C:
		l.giveUp(line, result)
		return errDiskSlow
	}
}

// giveUp makes sure that a line nobody waits for any more does not stand alone: it is not
// written, or followed by one of the refusal.
func (l *Log) giveUp(line api.AuditLine, result chan error) {
	l.mu.Lock()
	for i := range l.waiting {
		if l.waiting[i].result == result {
			l.waiting = append(l.waiting[:i], l.waiting[i+1:]...)
			l.mu.Unlock()
			return
		}
	}
	l.mu.Unlock()
	line.Outcome, line.Status = api.AuditRefused, new(http.StatusServiceUnavailable)
	l.End(line)
}

// End writes how a change was answered, soon: nobody waits for that.
func (l *Log) End(line api.AuditLine) { l.add(line, nil, true) }

// Refused writes the line of a request that was refused at the door.
func (l *Log) Refused(line api.AuditLine) {
	l.mu.Lock()
	isFull := l.isFull
	l.mu.Unlock()
	l.refusals.add(line, isFull)
}

// add queues a line, and returns false if none is taken.
func (l *Log) add(line api.AuditLine, result chan error, isChange bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || len(l.waiting) >= waitingMax {
		return false
	}
	now := l.o.Now().In(l.o.Zone.Location())
	line.Time = new(now.Format(time.RFC3339))
	text, err := json.Marshal(line)
	if err != nil {
		panic("BUG: a line of the audit log does not encode: " + err.Error())
	}
	l.queue(entry{l.o.Zone.Today(now).CalendarMonth(), append(text, '\n'), result, isChange})
	return true
}

// queue hands an entry to the writer. The caller holds the lock.
func (l *Log) queue(e entry) {
	l.waiting = append(l.waiting, e)
	l.nudge()
}

// settle waits until all that was queued before is written, for as long as a change would.
func (l *Log) settle(ctx context.Context) {
	result := make(chan error, 1)
	l.mu.Lock()
	if !l.ended {
		l.queue(entry{result: result})
	}
	l.mu.Unlock()
	select {
	case <-result:
	case <-ctx.Done():
	case <-time.After(cmp.Or(l.o.Slow, time.Second)):
	}
}

func (l *Log) nudge() {
	select {
	case l.wake <- struct{}{}:
	default: // the writer is about to look
	}
}

// write writes what has gathered, until the log ends.
func (l *Log) write() {
	defer close(l.done)
	for range l.wake {
		l.mu.Lock()
		batch, ended := l.waiting, l.ended
		l.waiting = nil
		l.mu.Unlock()
		for len(batch) > 0 {
			if batch[0].text == nil { // of settle
				batch[0].result <- nil
				batch = batch[1:]
				continue
			}
			batch = batch[l.writeMonth(batch):]
		}
		if ended {
			return
		}
	}
}

// writeMonth writes the lines at the beginning of a batch that are of one month, answers those
// who wait for them, and returns how many there are.
func (l *Log) writeMonth(batch []entry) (n int) {
	var text []byte
	isChange := false
	for n < len(batch) && batch[n].month == batch[0].month && batch[n].text != nil {
		text = append(text, batch[n].text...)
		isChange = isChange || batch[n].isChange
		n++
	}
	err := l.room(len(text))
	if err == nil {
		err = l.file.turnTo(batch[0].month)
	}
	if err == nil {
		l.publish() // before there is half a line behind it
		err = l.file.append(text, isChange)
		l.publish()
	}
	if durable.IsFull(err) {
		err = errDiskFull
	}
	l.tell(err)
	for _, e := range batch[:n] {
		if e.result != nil {
			e.result <- err
		}
	}
	return n
}

// room returns errDiskFull if so many bytes more would leave too little space. If the file
// system cannot tell, there is always enough.
func (l *Log) room(bytes int) error {
	usage, err := l.o.FS.GetDiskUsage(l.o.FS.PathDir(l.o.Folder))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isFull = err == nil && usage.AvailBytes < l.o.FreeMin+uint64(bytes)
	if l.isFull && usage.AvailBytes < l.o.FreeMin/4+uint64(bytes) {
		return errDiskFull
	}
	return nil
}

// publish lets readers see what was written.
func (l *Log) publish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.written = Place{l.file.month, l.file.size}
}

// tell logs when lines cannot be written, and when they can be again.
func (l *Log) tell(err error) {
	switch {
	case err != nil && !l.failing:
		l.o.Log.Error("the audit log cannot be written: what people change is refused until it can", "folder", l.o.Folder, "error", err)
	case err == nil && l.failing:
		l.o.Log.Info("the audit log is written again", "folder", l.o.Folder)
	}
	l.failing = err != nil
}
