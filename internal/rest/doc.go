// Package rest is the HTTP edge of the api: it parses and checks what comes in,
// asks the ledger, and words the answer. It decides nothing about readings.
//
// There is one file a feature. Each handler returns an error instead of writing
// one, and httpkit.WriteError turns every error into the same kind of answer.
package rest
