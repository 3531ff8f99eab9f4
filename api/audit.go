package api

// Audit is a page of the audit log, the newest line first.
type Audit struct {
	Count int         `json:"count"`
	Next  *string     `json:"next"` // the cursor of the next page
	Lines []AuditLine `json:"lines"`
}

// AuditLine is what the audit log has of a change, or of requests that were refused at the door.
type AuditLine struct {
	Time       *string          `json:"time"` // nil of a torn line
	RequestID  string           `json:"request_id"`
	Credential *string          `json:"credential"` // its id; nil without one
	By         *string          `json:"by"`         // who that is: the credential's label or, with access off, what the caller says
	Role       string           `json:"role"`
	Address    string           `json:"address"` // of the client
	What       string           `json:"what"`    // method and path
	Parameters []AuditParameter `json:"parameters"`
	Outcome    AuditOutcome     `json:"outcome"`
	Status     *int             `json:"status"` // of the answer; nil if there was none yet
	Count      int              `json:"count"`  // how many requests the line stands for
}

// AuditParameter is a parameter of a change.
type AuditParameter struct {
	Name  string  `json:"name"`
	Value *string `json:"value"` // nil of what is not kept: names, addresses, free text, secrets
}

// AuditOutcome says what became of a request.
type AuditOutcome string

// The outcomes. A change that was begun and has no second line was cut off with the program.
const (
	AuditBegun   AuditOutcome = "begun"
	AuditDone    AuditOutcome = "done"
	AuditRefused AuditOutcome = "refused" // by 4xx or 503
	AuditFailed  AuditOutcome = "failed"  // for a fault of the program
	AuditGone    AuditOutcome = "gone"    // the caller hung up before the answer
	AuditTorn    AuditOutcome = "torn"    // a line of which a crash has left a part
)
