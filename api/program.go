package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Program names one of the three programs.
type Program string

// The programs.
const (
	ProgramAPI     Program = "api"
	ProgramDaily   Program = "daily"
	ProgramMonthly Program = "monthly"
)

// DocumentOf returns the document with the paths that a program answers, and their tags. In
// the whole document a path names its programs in x-programs; without that it is the api's.
func DocumentOf(program Program) []byte {
	var whole struct {
		OpenAPI    json.RawMessage            `json:"openapi"`
		Info       json.RawMessage            `json:"info"`
		Servers    json.RawMessage            `json:"servers"`
		Security   json.RawMessage            `json:"security"`
		Tags       []tag                      `json:"tags"`
		Paths      map[string]json.RawMessage `json:"paths"`
		Components json.RawMessage            `json:"components"`
	}
	mustDecode([]byte(document), &whole)
	for path, item := range whole.Paths {
		if !slices.Contains(programsOf(item), program) {
			delete(whole.Paths, path)
		}
	}
	whole.Tags = slices.DeleteFunc(whole.Tags, func(t tag) bool { return !t.isIn(whole.Paths) })
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(whole); err != nil {
		panic(fmt.Sprintf("BUG: the document of %s does not encode: %v", program, err))
	}
	return text.Bytes()
}

func programsOf(path json.RawMessage) []Program {
	item := struct {
		Programs []Program `json:"x-programs"`
	}{[]Program{ProgramAPI}}
	mustDecode(path, &item)
	return item.Programs
}

// tag is a group of operations.
type tag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

func (t tag) isIn(paths map[string]json.RawMessage) bool {
	for _, path := range paths {
		var item struct{ Get, Post struct{ Tags []string } }
		mustDecode(path, &item)
		if slices.Contains(item.Get.Tags, t.Name) || slices.Contains(item.Post.Tags, t.Name) {
			return true
		}
	}
	return false
}

// mustDecode decodes a part of the document.
func mustDecode(text []byte, into any) {
	if err := json.Unmarshal(text, into); err != nil {
		panic("BUG: the OpenAPI document: " + err.Error())
	}
}
