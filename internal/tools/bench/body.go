package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"meterledger/internal/tools/traffic"
	"meterledger/internal/tools/wire"
)

// bodyRows is how many readings are sent together where it does not matter.
const bodyRows = 100_000

// csvBody writes readings from n to m, m not included, as one body.
func csvBody(b []byte, t *traffic.Traffic, n, m int) []byte {
	b = append(b[:0], traffic.CSVHeader...)
	for ; n < m; n++ {
		b = t.AppendRow(b, n)
	}
	return b
}

// bodies writes all readings in bodies, one ahead of whoever sends them, so that the
// sender need not wait for the writing. It ends with ctx or after the last.
func bodies(ctx context.Context, t *traffic.Traffic, rows int) <-chan body {
	out, spare := make(chan body), make(chan []byte, 3)
	for range cap(spare) {
		spare <- nil
	}
	go func() {
		defer close(out)
		for n := 0; n < t.Len(); n += rows {
			m := min(n+rows, t.Len())
			select {
			case out <- body{csvBody(<-spare, t, n, m), m - n, spare}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// body is some readings as CSV. It must be handed back.
type body struct {
	csv   []byte
	rows  int
	spare chan<- []byte
}

func (b body) handBack() { b.spare <- b.csv }

// fill sends all readings over one connection.
func (s *server) fill(ctx context.Context, t *traffic.Traffic) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := wire.Dial(ctx, s.host)
	if err != nil {
		return err
	}
	defer c.Close()
	for b := range bodies(ctx, t, bodyRows) {
		if err := postBody(c, t, b.csv, b.rows); err != nil {
			return err
		}
		b.handBack()
	}
	return ctx.Err()
}

// postBody posts one body, and wants each of its rows accepted.
func postBody(c *wire.Conn, t *traffic.Traffic, csv []byte, rows int) error {
	answer, err := c.Do(t.AppendBulk(nil, len(csv)), csv)
	if err != nil {
		return err
	}
	var verdict struct{ Accepted int }
	if err := json.Unmarshal(answer.Body, &verdict); err != nil || answer.Status != http.StatusOK || verdict.Accepted != rows {
		return fmt.Errorf("a body of %d readings was answered %d %.300s", rows, answer.Status, answer.Body)
	}
	return nil
}
