package ledger

import (
	"cmp"
	"context"
	"slices"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// accountsTogether is how many accounts are written as one commit: 0.86 MB at the most.
const accountsTogether = 512

// Accounts registers the meters of a list, in its order, hundreds with one fsync. It needs the
// same memory for any number of them.
type Accounts struct {
	l       *Ledger
	ctx     context.Context
	restore bool // an operator puts accounts back: also while reception is shut down

	accounts []meter.Account  // that wait to be written
	numbers  []int            // of them
	aside    []refusedAccount // that the state refused, to be asked about again
	commit   *commit
	tally    meter.Tally
	retry    []meter.Refusal // the first that are worth sending again; the others are in tally
}

type refusedAccount struct {
	meter.Account
	number int // the caller's
}

// ImportAccounts begins to register accounts. A meter that is registered already is a duplicate
// if owner and address are the same, and refused otherwise. All calls must come from one
// goroutine, and Flush last. It is an error while reception is shut down; each account that comes
// while another gate is shut is refused.
func (l *Ledger) ImportAccounts(ctx context.Context) (*Accounts, error) {
	err := l.sure(ctx, func() error {
		if !l.store.Receiving() {
			return errNotReceiving
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return newAccounts(ctx, l, false), nil
}

// RestoreAccounts is ImportAccounts for an operator who puts accounts back, also while reception
// is shut down. Whatever is registered stays as it is, and is a duplicate.
func (l *Ledger) RestoreAccounts(ctx context.Context) *Accounts {
	return newAccounts(ctx, l, true)
}

func newAccounts(ctx context.Context, l *Ledger, restore bool) *Accounts {
	return &Accounts{l: l, ctx: ctx, restore: restore, commit: &commit{deferred: true}}
}

// Add takes an account, whose number is the caller's. An error ends the list: it says nothing of
// the account, and accounts before it may or may not have been registered.
func (a *Accounts) Add(number int, account meter.Account) error {
	isNew, refusal := a.judge(account)
	switch {
	case isNew:
		return a.take(number, account)
	case isOfState(refusal) && !a.l.isAlone():
		a.aside = append(a.aside, refusedAccount{account, number})
		if len(a.aside) < accountsTogether {
			return nil
		}
		return a.askAgain()
	}
	a.count(number, refusal)
	return nil
}

// judge says whether an account is new. One that is neither new nor refused is a duplicate.
func (a *Accounts) judge(account meter.Account) (isNew bool, refusal error) {
	if m, known := a.l.store.Lookup(account.ID); known {
		return false, a.exists(m.Index, account)
	}
	if refusal = a.refusal(); refusal == nil {
		refusal = a.l.meterRoom.fits(len(a.accounts) + 1)
	}
	return refusal == nil, refusal
}

// askAgain judges the accounts that the state refused behind one barrier.
func (a *Accounts) askAgain() error {
	if len(a.aside) == 0 {
		return nil
	}
	_, unsure := a.l.confirm(a.ctx)
	if unsure != nil && !meter.Passes(unsure) {
		return unsure
	}
	for _, account := range a.aside {
		isNew, refusal := a.judge(account.Account)
		if isNew {
			if err := a.take(account.number, account.Account); err != nil {
				return err
			}
			continue
		}
		if isOfState(refusal) {
			refusal = cmp.Or(unsure, refusal)
		}
		a.count(account.number, refusal)
	}
	a.aside = a.aside[:0]
	return nil
}

// take has a new account written.
func (a *Accounts) take(number int, account meter.Account) error {
	account.RegisteredAt = a.l.now()
	if a.restore {
		a.commit.payload = store.AppendRestoredAccount(a.commit.payload, account)
	} else {
		a.commit.payload = store.AppendAccount(a.commit.payload, account)
	}
	a.accounts, a.numbers = append(a.accounts, account), append(a.numbers, number)
	if len(a.accounts) < accountsTogether {
		return nil
	}
	return a.send()
}

// refusal returns why an account that comes now is not taken, or nil. An operator who restores
// is only stopped by the disk, and by the number of meters that there may be.
func (a *Accounts) refusal() error {
	if a.restore {
		return nil
	}
	return a.l.refusal()
}

// Refuse counts a row that the caller cannot make an account of.
func (a *Accounts) Refuse(number int, err error) error {
	a.tally.Refused++
	list := &a.tally.Refusals
	if meter.WorthRepeating(err) {
		a.tally.Retry++
		list = &a.retry
	}
	if len(*list) < meter.RefusalsMax {
		*list = append(*list, meter.Refusal{Row: number, Err: err})
	}
	return nil
}

// exists returns why an account of a meter that is registered is not a duplicate, or nil.
func (a *Accounts) exists(i store.Index, account meter.Account) error {
	known := a.l.store.Account(i)
	if a.restore || known.OwnerName == account.OwnerName && known.Address == account.Address {
		return nil
	}
	return meterExists(account.ID)
}

// count counts an account that is a duplicate unless it is refused.
func (a *Accounts) count(number int, refusal error) {
	if refusal == nil {
		a.tally.Duplicates++
		return
	}
	_ = a.Refuse(number, refusal) // which only counts
}

// Flush waits until all accounts that were taken have got their verdicts.
func (a *Accounts) Flush() (meter.Tally, error) {
	err := a.askAgain()
	if err == nil {
		err = a.send()
	}
	byRow := func(a, b meter.Refusal) int { return cmp.Compare(a.Row, b.Row) }
	slices.SortFunc(a.tally.Refusals, byRow)
	slices.SortFunc(a.retry, byRow)
	listed := append(a.retry, a.tally.Refusals...)
	a.tally.Refusals = listed[:min(len(listed), meter.RefusalsMax)]
	return a.tally, err
}

// send writes the accounts that wait, and counts the verdicts on them. What is refused for a
// reason that passes is counted so, and what comes after it is tried.
func (a *Accounts) send() error {
	if len(a.accounts) == 0 {
		return nil
	}
	verdicts, err := a.write()
	if err != nil && !meter.Passes(err) {
		return err
	}
	for i, account := range a.accounts {
		switch {
		case err != nil:
			_ = a.Refuse(a.numbers[i], err) // which only counts
		case verdicts.At(i).Outcome == store.NotReceiving:
			_ = a.Refuse(a.numbers[i], errNotReceiving)
		case verdicts.At(i).Outcome == store.MeterExists: // it is in the list twice, or somebody was faster
			m, _ := a.l.store.Lookup(account.ID)
			a.count(a.numbers[i], a.exists(m.Index, account))
		default:
			a.tally.Accepted++
		}
	}
	a.commit = a.commit.again()
	a.accounts, a.numbers = a.accounts[:0], a.numbers[:0]
	return nil
}

// write returns the verdicts on the accounts that wait.
func (a *Accounts) write() (store.Verdicts, error) {
	k := a.commit
	k.entries = len(a.accounts)
	k.growth = accountsGrowth(k)
	if err := a.l.meterRoom.begin(k.entries); err != nil {
		return store.Verdicts{}, err
	}
	defer a.l.meterRoom.end(k.entries)
	if err := a.l.committer.enqueue(a.ctx, k, bulky); err != nil {
		return store.Verdicts{}, err
	}
	return a.l.committer.wait(k)
}

// accountsGrowth returns by how much a commit of accounts can make the store grow, in bytes.
func accountsGrowth(k *commit) int64 {
	return int64(k.entries)*store.GrowthMax + int64(len(k.payload))
}
