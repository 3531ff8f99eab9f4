package store

import "slices"

// Former is what a meter's summary was until its month was closed again.
type Former struct {
	Summary        // without readings where the meter had none yet
	Until   uint32 // the revision that replaced it

	before *Former // or nil
}

// registers is what a closed month keeps of each meter, also of one that is being
// closed.
type registers struct {
	summaries column[Summary] // Count is 0 for a meter without readings
	former    column[*Former] // what it was last, of the few that late readings changed; never changed itself
}

func (r *registers) summary(i Index) (Summary, bool) {
	summary := r.summaries.at(i)
	return summary, summary.Count > 0
}

func (r *registers) set(i Index, summary Summary, former *Former, ice ice) {
	r.summaries.set(i, summary, ice)
	if former != r.former.at(i) { // most are nil, and need no place
		r.former.set(i, former, ice)
	}
}

func (r *registers) share() registers { return registers{r.summaries.share(), r.former.share()} }

// list returns what a summary was before, in order of time.
func (f *Former) list() (all []Former) {
	for ; f != nil; f = f.before {
		all = append(all, Former{Summary: f.Summary, Until: f.Until})
	}
	slices.Reverse(all)
	return all
}
