// Package api is the contract of the three programs with their callers: the OpenAPI
// document with every endpoint, its parameters, answers, errors and examples, and the
// answers as Go structs, each named after its schema in the document.
//
// The document is written by hand and comes first. The HTTP tests check every request and
// answer against it, and its schemas allow no other fields, so a program that departs from
// it fails a test. The programs encode the structs and the client decodes them. Times and
// periods are text in them.
package api

import _ "embed"

// A string, because it cannot be changed.
//
//go:embed openapi.json
var document string

// Document returns a copy of the OpenAPI 3.0.3 document, which is JSON.
func Document() []byte { return []byte(document) }
