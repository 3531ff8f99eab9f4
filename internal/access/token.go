package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"meterledger/internal/meter"
)

// A token is text without a character that a header, a shell or a URL reads in its own way:
//
//	+--------+----------------------------------------------+
//	| prefix | base64url, without padding, of               |
//	| 4      |   32 random bytes | checksum, 4, big endian  |
//	+--------+----------------------------------------------+
//
// The prefix names the role. The checksum is the CRC-32 (IEEE) of the prefix and the random
// bytes: a token that was cut or mistyped is told apart from one that is not known.
const (
	prefixLength = 4
	secretBytes  = 32
	sumBytes     = 4

	// TokenLength is how many characters a token has.
	TokenLength = prefixLength + (secretBytes+sumBytes)/3*4
)

var prefixes = []string{meter.RoleOperator: "mlo_", meter.RoleAuditor: "mla_", meter.RoleMeter: "mlm_", meter.RoleHousehold: "mlh_"}

// NewToken returns a new token of a role, and its SHA-256, which alone is kept.
func NewToken(role meter.Role) (token string, sum [sha256.Size]byte) {
	if !role.IsValid() {
		panic("BUG: a token of the role " + role.String())
	}
	var random [secretBytes]byte
	_, _ = rand.Read(random[:]) // never fails
	checked := binary.BigEndian.AppendUint32(random[:], checksum(prefixes[role], random[:]))
	token = prefixes[role] + base64.RawURLEncoding.EncodeToString(checked)
	return token, sha256.Sum256([]byte(token))
}

// sumOf returns the SHA-256 of text as long as a token, and false for other text.
func sumOf(text string) (sum [sha256.Size]byte, ok bool) {
	if len(text) != TokenLength {
		return sum, false
	}
	var token [TokenLength]byte // spares an allocation
	copy(token[:], text)
	return sha256.Sum256(token[:]), true
}

// isWhole reports whether text as long as a token has the checksum of one.
func isWhole(text string) bool {
	checked, err := base64.RawURLEncoding.DecodeString(text[prefixLength:])
	return err == nil && len(checked) == secretBytes+sumBytes &&
		binary.BigEndian.Uint32(checked[secretBytes:]) == checksum(text[:prefixLength], checked[:secretBytes])
}

// SumOfOperatorToken returns the SHA-256 of an operator's token, and false for text that is none.
func SumOfOperatorToken(text string) (sum [sha256.Size]byte, ok bool) {
	sum, ok = sumOf(text)
	return sum, ok && strings.HasPrefix(text, prefixes[meter.RoleOperator]) && isWhole(text)
}

// checksum is the CRC-32 (IEEE) of both.
func checksum(prefix string, random []byte) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(prefix)), crc32.IEEETable, random)
}
