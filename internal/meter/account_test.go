package meter_test

import (
	"errors"
	"strings"
	"testing"

	"meterledger/internal/meter"
)

func TestMeterIDsAreTakenAsTheyAre(t *testing.T) {
	for _, text := range []string{"123-456-789", "A", "a", "0", "a.b_c-D", "9..", "MAC000002", strings.Repeat("x", 64)} {
		if id, err := meter.ParseID(text); err != nil || string(id) != text {
			t.Errorf("%q is the id %q, %v", text, id, err)
		}
		if id, err := meter.ParseID([]byte(text)); err != nil || string(id) != text {
			t.Errorf("%q as bytes is the id %q, %v", text, id, err)
		}
	}
}

func TestTextsThatAreNoMeterIDNameTheField(t *testing.T) {
	for _, text := range []string{
		"", " ", ".a", "-a", "_a", "a b", "a,b", "a/b", "a\n", "a\x00", "é", "a\xff", "１", "a+b", "../a", strings.Repeat("x", 65),
		strings.Repeat("x", 1<<20),
	} {
		_, err := meter.ParseID(text)
		var e *meter.Error
		if !errors.As(err, &e) {
			t.Errorf("%.40q: error %v", text, err)
			continue
		}
		if e.Kind != meter.KindInvalid || e.Code != meter.CodeInvalidParameter || e.Field != "meter_id" ||
			!strings.HasPrefix(e.Detail, "meter_id ") || len(e.Detail) > 200 {
			t.Errorf("%.40q: error %+v", text, e)
		}
	}
}

func TestNamesAndAddressesAreTextOfLimitedLength(t *testing.T) {
	for text, want := range map[string]bool{
		"Ann":                          true,
		" ":                            true,
		"陈 大文, Blk 5 #03-12":           true,
		strings.Repeat("é", 200):       true,
		strings.Repeat("é", 201):       false,
		"":                             false,
		"a\x00b":                       false,
		"a\nb":                         false,
		"a\tb":                         false,
		"a\x7fb":                       false,
		"a\u0085b":                     false,
		"a\xffb":                       false,
		"\xed\xa0\x80":                 false, // half of a surrogate pair
		strings.Repeat("x", 1_000_000): false,
	} {
		if got := meter.ValidText(text); got != want {
			t.Errorf("%.40q is valid: %v, want %v", text, got, want)
		}
	}
}

func TestNamesThatShowNothingOrTurnTheTextAreNoNames(t *testing.T) {
	for text, want := range map[string]bool{
		"Ann":                true,
		"陈 大文, Blk 5 #03-12": true,
		"-":                  true,
		"👩\u200d👩\u200d👧":    true, // a family, of three that are joined
		"न\u094d\u200dय, می\u200cخواهم": true, // with joiners as the scripts need them
		"שלום\u200f 5":                  true, // a mark, which turns nothing else
		"e\u0301":                       true,
		" ":                             false,
		"\u00a0\u3000 ":                 false,
		"\u200b":                        false,
		"\u200d\u200c\u2060\ufeff":      false,
		"\u200e\u200f\u061c":            false,
		"\u3164\u115f\uffa0":            false, // letters that fill a place
		"\u2800":                        false,
		"\u0301\ufe0f":                  false, // marks with nothing under them
		"\u00ad":                        false,
		"Ann\u202etaN":                  false,
		"Ann\u2066":                     false,
	} {
		if got := meter.ShowsItself(text); got != want {
			t.Errorf("%+q shows itself: %v, want %v", text, got, want)
		}
	}
}
