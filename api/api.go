// Package api is what the three programs promise to whoever calls them: the OpenAPI
// document with every endpoint, its parameters, answers, errors and examples, and the
// answers as Go structs, each named after its schema in the document.
//
// The document is written by hand and comes first. The HTTP tests hold every
// request and answer against it, and its schemas allow no field that they do not
// name, so the programs cannot drift away from it unnoticed. A program encodes the
// structs and a client decodes them: there is no second description of an answer.
// Times and periods are text in them, as the programs write them.
package api

import _ "embed"

// A string, because nobody can change it by accident.
//
//go:embed openapi.json
var document string

// Document returns the OpenAPI 3.0.3 document as JSON, a copy of the caller's own.
func Document() []byte { return []byte(document) }
