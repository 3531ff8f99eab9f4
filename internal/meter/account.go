package meter

import (
	"time"
	"unicode"
	"unicode/utf8"
)

// IDLengthMax is the longest meter id, in bytes.
const IDLengthMax = 64

// TextLengthMax is the longest owner name, address, reason or name of who entered something, in
// characters.
const TextLengthMax = 200

// ID names a meter: 1 to 64 of A-Z a-z 0-9 . _ -, beginning with a letter or a
// digit. Two ids that differ only in case are two meters.
type ID string

// ParseID checks s against the rule for meter ids.
func ParseID[T ~string | ~[]byte](s T) (ID, error) {
	if !isID(s) {
		return "", errID(len(s))
	}
	return ID(s), nil
}

func isID[T ~string | ~[]byte](s T) bool {
	if len(s) == 0 || len(s) > IDLengthMax || !isAlphanumeric(s[0]) {
		return false
	}
	for i := range len(s) {
		if !inIDs[s[i]] {
			return false
		}
	}
	return true
}

// inIDs marks the bytes that an id is made of.
var inIDs = func() (in [256]bool) {
	for c := range in {
		in[c] = isAlphanumeric(byte(c)) || c == '.' || c == '_' || c == '-'
	}
	return in
}()

func errID(length int) error {
	if length > IDLengthMax {
		return Invalid(CodeInvalidParameter, "meter_id", "is %d bytes long, at most %d are allowed", length, IDLengthMax)
	}
	return Invalid(CodeInvalidParameter, "meter_id",
		"must be 1 to %d of A-Z a-z 0-9 . _ - and begin with a letter or a digit", IDLengthMax)
}

func isAlphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// Account is one household's registration of one meter.
type Account struct {
	ID           ID
	OwnerName    string
	Address      string
	RegisteredAt time.Time // whole seconds
}

// ValidText reports whether s can be a text of TextLengthMax: 1 to 200
// characters of valid UTF-8, none of them a control character.
func ValidText(s string) bool {
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > TextLengthMax {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// ShowsItself reports whether a text can be seen, and is seen as what it is: at least one
// character shows something, and none turns the direction of the text around it. Joiners,
// which scripts and emoji need, are taken.
func ShowsItself(s string) bool {
	seen := false
	for _, r := range s {
		if isTurning(r) {
			return false
		}
		seen = seen || isSeen(r)
	}
	return seen
}

// isTurning reports whether r is one of the embeddings, overrides and isolates of the
// bidirectional algorithm: they make one name look like another, also beyond its end.
func isTurning(r rune) bool {
	return '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}

// isSeen reports whether r by itself shows anything. Some letters and a symbol do not.
func isSeen(r rune) bool {
	const brailleBlank = '\u2800'
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S) && r != brailleBlank && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}
