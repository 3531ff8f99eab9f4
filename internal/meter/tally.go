package meter

// RefusalsMax is how many refused rows of one sender are listed; all are counted.
const RefusalsMax = 1000

// Refusal is a row that was not taken, and why.
type Refusal struct {
	Row int
	Err error
}

// Tally is what became of many rows.
type Tally struct {
	Accepted, Duplicates, Refused int
	Refusals                      []Refusal // the first of them, in order of the rows
}
