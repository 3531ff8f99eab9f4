// Package api holds the OpenAPI document: what the three programs promise to
// whoever calls them, every endpoint with its parameters, answers, errors and
// examples.
//
// The document is written by hand and comes first. The HTTP tests hold every
// request and answer against it, and its schemas allow no field that they do not
// name, so the programs cannot drift away from it unnoticed.
package api

import _ "embed"

// A string, because nobody can change it by accident.
//
//go:embed openapi.json
var document string

// Document returns the OpenAPI 3.0.3 document as JSON, a copy of the caller's own.
func Document() []byte { return []byte(document) }
