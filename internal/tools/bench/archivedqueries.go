package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/tools/traffic"
)

// archivedQueries measures questions about one meter's archived month by how many
// meters the archive has.
func archivedQueries(ctx context.Context, b *bench) ([]line, error) {
	var lines []line
	var hosts []*asked
	for _, meters := range []int{b.sizes.fewMeters, b.sizes.manyMeters} {
		a, err := b.archivedMonth(ctx, meters)
		if err != nil {
			return nil, err
		}
		hosts = append(hosts, a)
	}
	for _, q := range []struct{ what, path, more string }{
		{"bill of one meter", "/get_last_month_bill", ""},
		{"last_month of one meter", "/get_consumption", "&period=last_month"},
	} {
		p, err := inTurn(b.sizes.pairs, hosts[0].time(ctx, q.path, q.more), hosts[1].time(ctx, q.path, q.more))
		if err != nil {
			return nil, err
		}
		lines = append(lines, p.line(fmt.Sprintf("%s, archive of %s meters", q.what, count(b.sizes.manyMeters)),
			fmt.Sprintf("the same with %s meters", count(b.sizes.fewMeters)), "ms", ratioAtMost(1.3)))
	}
	return lines, nil
}

// asked is an api with an archived month that is asked about.
type asked struct {
	b       *bench
	server  *server
	traffic *traffic.Traffic
}

// archivedMonth starts an api and has it archive last month, of which each meter has
// the first half hours.
func (b *bench) archivedMonth(ctx context.Context, meters int) (*asked, error) {
	server, err := b.api(ctx)
	if err != nil {
		return nil, err
	}
	month := b.zone.Today(b.now).CalendarMonth().Add(-1)
	t, err := server.traffic(meters, b.zone.MonthWindow(month).From, b.sizes.archivedSlots)
	if err != nil {
		return nil, err
	}
	if err := server.settle(ctx, t); err != nil {
		return nil, err
	}
	base, err := url.Parse(server.program.URL)
	if err != nil {
		return nil, err
	}
	_, err = client.New(base, http.DefaultClient).StartMaintenance(ctx, client.MaintenanceRequest{Type: api.Monthly, Month: month.String()})
	return &asked{b, server, t}, err
}

// time returns what measures the median time of a question, over one connection.
func (a *asked) time(ctx context.Context, path, more string) func() (float64, error) {
	return func() (float64, error) {
		l, err := a.b.newLoad(ctx, a.server.host, 1, questions(a.traffic, path, more))
		if err != nil {
			return 0, err
		}
		got, err := l.run(ctx, a.b.sizes.slice.duration()/2)
		return milliseconds(got.latency.P50), err
	}
}
