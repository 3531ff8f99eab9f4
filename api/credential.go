package api

// Credential is what a caller proves with who it is. It has no secret.
type Credential struct {
	CredentialID      string   `json:"credential_id"`
	Role              string   `json:"role"`
	Meters            []string `json:"meters"` // ids, or * alone
	From              *string  `json:"from"`   // null: from the beginning
	Until             *string  `json:"until"`  // null: without end
	Label             *string  `json:"label"`
	CertificateSHA256 *string  `json:"certificate_sha256"` // null of a token
	CreatedAt         string   `json:"created_at"`
	By                *string  `json:"by"` // null if nobody said
	ExpiresAt         *string  `json:"expires_at"`
	RevokedAt         *string  `json:"revoked_at"`
	LastUsed          *string  `json:"last_used"` // the day; null before the first use
}

// CredentialIssued is a credential that was made just now.
type CredentialIssued struct {
	Token *string `json:"token"` // this once; null of a certificate
	Credential
}

// Credentials is one page of the list of credentials.
type Credentials struct {
	Count   int          `json:"count"`
	Next    *string      `json:"next"` // the cursor of the next page; null on the last
	Results []Credential `json:"results"`
}

// Caller is as whom a caller is known.
type Caller struct {
	CredentialID *string  `json:"credential_id"` // null with access off
	Role         string   `json:"role"`
	Label        *string  `json:"label"`
	Meters       []string `json:"meters"` // ids, or * alone
	From         *string  `json:"from"`   // null: from the beginning
	Until        *string  `json:"until"`  // null: without end
}
