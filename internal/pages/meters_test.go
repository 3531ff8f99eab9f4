package pages_test

import (
	"testing"
)

func TestX(t *testing.T) {
	s := start(t)
	s.register("A", "B1", "B")
	s.record("A", "2026-11-22T00:00", count(60, 1000, 5)...)
	t.Log(s.open("/ui/operator/meters", "").body)
	t.Log(s.open("/ui/operator/gaps", "").body)
	t.Log(s.open("/ui/operator/meters/A", "").body)
}
