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
// bytes: a token that was cut or mistyped is told apart from one that is not known, and junk
// costs no look-up.
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

// SumOfToken returns the SHA-256 of a token, and false for text that is none.
func SumOfToken(text string) (sum [sha256.Size]byte, ok bool) {
	if len(text) != TokenLength {
		return sum, false
	}
	var token [TokenLength]byte
	copy(token[:], text)
	var checked [secretBytes + sumBytes]byte
	if n, err := base64.RawURLEncoding.Decode(checked[:], token[prefixLength:]); err != nil || n != len(checked) {
		return sum, false
	}
	if binary.BigEndian.Uint32(checked[secretBytes:]) != checksum(text[:prefixLength], checked[:secretBytes]) {
		return sum, false
	}
	return sha256.Sum256(token[:]), true
}

// SumOfOperatorToken is SumOfToken for a token whose prefix is an operator's.
func SumOfOperatorToken(text string) (sum [sha256.Size]byte, ok bool) {
	sum, ok = SumOfToken(text)
	return sum, ok && strings.HasPrefix(text, prefixes[meter.RoleOperator])
}

// checksum is crc32.ChecksumIEEE of both. That function is called through a variable, so it would cost two
// allocations a request.
func checksum(prefix string, random []byte) uint32 {
	sum := ^uint32(0)
	for i := range len(prefix) {
		sum = crc32.IEEETable[byte(sum)^prefix[i]] ^ sum>>8
	}
	for _, b := range random {
		sum = crc32.IEEETable[byte(sum)^b] ^ sum>>8
	}
	return ^sum
}
