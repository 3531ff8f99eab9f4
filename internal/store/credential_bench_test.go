package store_test

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"meterledger/internal/meter"
	"meterledger/internal/store"
)

// BenchmarkCredentialMemory issues a credential of a household for each of a nation's homes, uses
// each once, and measures what one takes with its indexes, beside what the store says of it. Short
// sizes show that it works, and mean nothing.
func BenchmarkCredentialMemory(b *testing.B) {
	homes := 1_600_000
	if testing.Short() {
		homes = 3000
	}
	for b.Loop() {
		s := store.New()
		ids := make([]string, homes)
		for n := range homes {
			ids[n] = numberedCredential(n).ID
			mustApplyEntry(b, s, store.AppendAccount(nil, meter.Account{ID: meter.ID(fmt.Sprint("m-", n)), OwnerName: "Tan", Address: "Road"}))
		}
		before := heapBytes()
		for n := range homes {
			mustApplyEntry(b, s, store.AppendCredential(nil, numberedCredential(n), []store.Index{store.Index(n)}))
		}
		for from := 0; from < homes; from += store.CredentialsUsedMax {
			mustApplyEntry(b, s, store.AppendUsed(nil, meter.Day{Year: 2026, Month: 11, Day: 26}, ids[from:min(from+store.CredentialsUsedMax, homes)]))
		}
		b.ReportMetric(float64(heapBytes()-before)/float64(homes), "B/credential")
		b.ReportMetric(float64(s.Footprint().Credentials)/float64(homes), "B/credential-said")
		runtime.KeepAlive(s)
		runtime.KeepAlive(ids)
	}
}

// BenchmarkFindCredential looks up the credentials of many households, and of one that asks
// all the time.
func BenchmarkFindCredential(b *testing.B) {
	const homes = 200_000
	s := store.New()
	mustApplyEntry(b, s, store.AppendAccount(nil, meter.Account{ID: "A"}))
	var hashes [homes][32]byte
	for n := range homes {
		c := numberedCredential(n)
		hashes[n] = c.SHA256
		mustApplyEntry(b, s, store.AppendCredential(nil, c, []store.Index{0}))
	}
	for name, step := range map[string]int{"one": 0, "many": 7919} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for n := 0; b.Loop(); n += step {
				if _, found := s.Credential(hashes[n%homes]); !found {
					b.Fatal("it is gone")
				}
			}
		})
	}
}

// numberedCredential makes that of a home.
func numberedCredential(n int) meter.Credential {
	c := meter.Credential{
		Role: meter.RoleHousehold, Scope: meter.Scope{From: 1000}, Label: fmt.Sprintf("home %08d", n), By: strings.Repeat("x", 16),
		CreatedAt: time.Unix(1000, 0),
	}
	c.SHA256 = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	c.ID = strings.ToLower(base32.StdEncoding.EncodeToString(c.SHA256[:10]))
	return c
}

func mustApplyEntry(b *testing.B, s *store.Store, entry []byte) {
	if _, err := s.Apply(entry, store.Verdicts{}); err != nil {
		b.Fatal(err)
	}
}
