package ledger

// aheadMax is how many submissions of a Bulk are with its queuer at once.
const aheadMax = 2

// queuer judges and queues the submissions of one Bulk in a goroutine of its own, while the rows that follow are parsed.
type queuer struct {
	waiting chan *submission
	queued  chan queued // in the order of waiting
	n       int         // are with it; touched by the Bulk alone
}

type queued struct {
	*submission

	err error
}

// hand hands a submission to the queuer, and takes back what that has queued.
func (b *Bulk) hand(s *submission) error {
	if b.queuer == nil {
		b.queuer = &queuer{waiting: make(chan *submission, aheadMax), queued: make(chan queued, aheadMax)}
		go b.queuer.work(b)
	}
	for b.queuer.n == aheadMax || len(b.queuer.queued) > 0 {
		if err := b.takeBack(); err != nil {
			return err
		}
	}
	b.queuer.n++
	b.queuer.waiting <- s
	return nil
}

func (q *queuer) work(b *Bulk) {
	var err error // of the first that could not be queued; those behind it are not
	for s := range q.waiting {
		if err == nil {
			err = s.send(b.ctx)
		}
		q.queued <- queued{s, err}
	}
}

// takeBack waits for the oldest submission that is with the queuer.
func (b *Bulk) takeBack() error {
	next := <-b.queuer.queued
	b.queuer.n--
	b.sent = append(b.sent, next.submission)
	return next.err
}

// takeAllBack waits for all.
func (b *Bulk) takeAllBack() error {
	for b.queuer != nil && b.queuer.n > 0 {
		if err := b.takeBack(); err != nil {
			return err
		}
	}
	return nil
}

// endQueuer ends the goroutine, after what is with it.
func (b *Bulk) endQueuer() {
	if b.queuer == nil {
		return
	}
	close(b.queuer.waiting)
	for ; b.queuer.n > 0; b.queuer.n-- {
		<-b.queuer.queued
	}
	b.queuer = nil
}
