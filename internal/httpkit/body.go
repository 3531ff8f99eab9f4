package httpkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"meterledger/internal/meter"
)

const typeForm = "application/x-www-form-urlencoded"

// parameterBytesMax is the largest body that parameters are read from.
const parameterBytesMax = 64 << 10

// body collects the parameters in r's body, which its Content-Type says how to read.
func (b *binder) body(r *http.Request) error {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	content, err := ReadParameters(r)
	if err != nil || len(content) == 0 {
		return err
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return errMedia("parameters are taken as they are, not with Content-Encoding %s", quote(encoding))
	}
	contentType := r.Header.Get("Content-Type")
	mediaType, options, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType = ""
	}
	switch mediaType {
	case typeForm:
		if looksLikeJSON(content) { // no parameter has such a name, and curl -d says that all is a form
			return errMedia("the body is JSON, but its Content-Type says that it is a form; send the header Content-Type: application/json")
		}
		return b.pairs(string(content))
	case "application/json":
		return b.json(bytes.TrimPrefix(content, []byte(meter.ByteOrderMark)))
	case "multipart/form-data":
		return b.multipart(content, options["boundary"])
	}
	if contentType == "" {
		return errMedia("the header Content-Type is missing, which says how to read the body: " +
			"application/json for a JSON object, application/x-www-form-urlencoded for a form")
	}
	return errMedia("parameters are taken from the query string, a form or a JSON object; the Content-Type names none of them")
}

func errMedia(format string, args ...any) error {
	return meter.Errorf(meter.KindUnsupportedMedia, meter.CodeUnsupportedMedia, format, args...)
}

func looksLikeJSON(content []byte) bool {
	content = bytes.TrimLeft(bytes.TrimPrefix(content, []byte("\ufeff")), " \t\r\n")
	return len(content) > 0 && (content[0] == '{' || content[0] == '[')
}

// oneMeaning refuses a body that has its type or its encoding from two header fields, of
// which a proxy on the way may have gone by the other.
func oneMeaning(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Content-Type", "Content-Encoding"} {
			if len(r.Header[name]) > 1 && r.Body != nil && r.Body != http.NoBody {
				WriteError(w, r, invalid(name, "is a header that a request has once, and is given %d times", len(r.Header[name])))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// ReadBody returns a body of at most so many bytes. One that cannot be longer than parameters
// must be there within patienceMax, and one that says it is longer is not read. Every error is a
// *meter.Error, or one that WriteError knows.
func ReadBody(r *http.Request, bytesMax int64) ([]byte, error) {
	if r.ContentLength > bytesMax {
		return nil, &http.MaxBytesError{Limit: bytesMax}
	}
	if body, ok := r.Body.(*patientBody); ok && bytesMax <= parameterBytesMax {
		body.patience.rate = 0
	}
	content, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, bytesMax))
	var tooLarge *http.MaxBytesError
	if err == nil || errors.As(err, &tooLarge) || errors.Is(err, ErrSlowBody) {
		return content, err
	}
	return nil, invalid("", "the body breaks off before its end")
}

// ReadParameters returns a body that has parameters, and has not been read yet. Every error is as of ReadBody.
func ReadParameters(r *http.Request) ([]byte, error) { return ReadBody(r, parameterBytesMax) }

// ReadForm returns the fields of a form that a page sent. Every error is as of ReadBody.
func ReadForm(r *http.Request) (url.Values, error) {
	content, err := ReadParameters(r)
	if err != nil {
		return nil, err
	}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != typeForm || r.Header.Get("Content-Encoding") != "" {
		return nil, errMedia("a form is taken as %s, as it is", typeForm)
	}
	fields, err := url.ParseQuery(string(content))
	if err != nil || looksLikeJSON(content) {
		return nil, invalid("", "what was sent is no form")
	}
	for name, values := range fields {
		if len(values) > 1 {
			return nil, invalid(showName(name), "is given more than once")
		}
	}
	return fields, nil
}

// json collects the members of one object token by token: decoding into a map would hide
// repeated names and turn numbers into floats.
func (b *binder) json(content []byte) error {
	if !utf8.Valid(content) {
		return invalid("", "the JSON is not valid UTF-8")
	}
	tokens := json.NewDecoder(bytes.NewReader(content))
	tokens.UseNumber()
	if token, err := tokens.Token(); err != nil || token != json.Delim('{') {
		return errNotObject()
	}
	for tokens.More() {
		if err := b.member(tokens); err != nil {
			return err
		}
	}
	if _, err := tokens.Token(); err != nil { // the closing brace
		return errNotObject()
	}
	if _, err := tokens.Token(); !errors.Is(err, io.EOF) {
		return invalid("", "something follows the JSON object")
	}
	return nil
}

func (b *binder) member(tokens *json.Decoder) error {
	token, err := tokens.Token()
	name, isName := token.(string)
	if err != nil || !isName {
		return errNotObject()
	}
	if token, err = tokens.Token(); err != nil {
		return errNotObject()
	}
	value := ""
	switch token := token.(type) {
	case nil:
		if field := b.field(name); field >= 0 && !b.fields[field].isNullable {
			return errNoText(name)
		}
		value = null
	case string:
		value = token
	case json.Number:
		value = token.String()
	case bool:
		value = fmt.Sprint(token)
	default:
		if field := b.field(name); token != json.Delim('[') || field < 0 || !b.fields[field].isList {
			return errNoText(name)
		}
		if value, err = list(tokens, name); err != nil {
			return err
		}
	}
	if strings.ContainsRune(value, utf8.RuneError) { // what the decoder makes of half a surrogate pair
		value = "\xff" // which set refuses
	}
	return b.set(name, value)
}

// list returns the texts of a JSON list with commas between them, as a query has them.
func list(tokens *json.Decoder, name string) (string, error) {
	var all []string
	for {
		token, err := tokens.Token()
		text, isText := token.(string)
		switch {
		case err != nil:
			return "", errNotObject()
		case token == json.Delim(']'):
			return strings.Join(all, ","), nil
		case !isText || text == "" || strings.Contains(text, ","):
			return "", invalid(name, "must be a list of texts without commas")
		}
		all = append(all, text)
	}
}

func errNoText(name string) error {
	return invalid(showName(name), "must be a string, a number, true or false")
}

func errNotObject() error {
	return invalid("", `what was sent is not one whole JSON object such as {"meter_id":"123-456-789"}`)
}

func (b *binder) multipart(content []byte, boundary string) error {
	parts := multipart.NewReader(bytes.NewReader(content), boundary)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errNotMultipart()
		}
		if part.FileName() != "" {
			return invalid(showName(part.FormName()), "must be a value, not a file")
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return errNotMultipart()
		}
		if err := b.set(part.FormName(), string(value)); err != nil {
			return err
		}
	}
}

func errNotMultipart() error { return invalid("", "the body is not a whole multipart form") }
