package rest_test

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// FuzzCursor asks for the page of any cursor: as it is, and as one whose checksum is right,
// which anybody can make. The answer is a page or a plain refusal.
func FuzzCursor(f *testing.F) {
	s := newExample(f)
	f.Add("", []byte{})
	f.Add("AAAAAAAA", append([]byte{1, 0, 0}, make([]byte, 12)...))
	f.Add("!", append([]byte{1, 4, 3}, []byte("\x00\x0f\x0f\x0f\x00\x0f\x1f\x0f\x00\x0f\x0f\x10")...))
	f.Add("", append([]byte{1, 3, 0}, []byte("\x00\x00\x00\x00\xff\xff\xff\xff\x00\x0f\x0f\x10")...))
	f.Add("", append([]byte{1, 1, 1}, []byte("\xff\xff\xff\xf0\xff\xff\xff\xff\xff\xff\xff\xff")...))
	const id = "123-456-789"
	f.Fuzz(func(t *testing.T, cursor string, body []byte) {
		sum := crc32.Update(crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)), crc32.MakeTable(crc32.Castagnoli), []byte(id))
		made := base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(body, sum))
		for _, c := range []string{cursor, made} {
			query := url.Values{"meter_id": {id}, "cursor": {c}}
			answer := httptest.NewRecorder()
			s.server.Config.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/get_readings?"+query.Encode(), nil))
			if answer.Code != http.StatusOK && answer.Code != http.StatusBadRequest {
				t.Fatalf("%q: %d: %s", c, answer.Code, answer.Body)
			}
			answer = httptest.NewRecorder()
			s.server.Config.Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "http://localhost/meters?"+url.Values{"cursor": {c}}.Encode(), nil))
			if answer.Code != http.StatusOK && answer.Code != http.StatusBadRequest {
				t.Fatalf("%q: %d: %s", c, answer.Code, answer.Body)
			}
		}
	})
}
