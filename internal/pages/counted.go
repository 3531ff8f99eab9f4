package pages

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// counted is what was counted between two samples, of which the second is the newest. They are the
// same until there are two.
type counted struct{ before, after *sample }

func (c counted) lasted() time.Duration { return c.after.at.Sub(c.before.at) }

// period says of what time the figures are.
func (c counted) period() string {
	switch lasted := c.lasted(); {
	case lasted < time.Second:
		return "the first seconds"
	case lasted < time.Minute-sampleEvery:
		return "the last " + count(int(lasted.Seconds()), "second")
	default:
		return "the last minute"
	}
}

// card is a figure that one looks at first.
type card struct {
	Title, Value, Unit string
	Note               string // what it is of
}

const (
	unknown     = "–"
	singleRoute = "POST /receive_meter_reading"
)

// cards tell how fast the program is.
func (c counted) cards() []card {
	taken := c.after.taken - c.before.taken
	answers, batches := c.after.requests[singleRoute].since(c.before.requests[singleRoute]), c.after.batches.since(c.before.batches)
	rate := unknown
	if c.lasted() > 0 {
		rate = perSecond(taken, c.lasted())
	}
	return []card{
		{"Readings", rate, "a second", count(int(taken), "reading") + " taken in " + c.period()},
		mostCard("Answers", answers, "single readings"),
		mostCard("Disk", batches, "batches, written and fsynced"),
		{"Queue", grouped(int(c.after.gauges["commits_waiting"])), "", "commits wait for the disk"},
	}
}

func mostCard(title string, took histogram, what string) card {
	if took.count == 0 {
		return card{title, unknown, "", "there were no " + what}
	}
	return card{title, most(took), "", "at most, for 99 of 100 " + what}
}

// holdings tell what the program holds at a moment, and what room it has for more.
func (c counted) holdings(at time.Time) []card {
	g := c.after.gauges
	snapshot := time.Unix(int64(g["last_snapshot_timestamp_seconds"]), 0)
	room := "and there is no limit"
	if most := g["memory_held_max_bytes"]; most > 0 {
		room = "of " + size(most) + " for " + count(int(g["readings_in_memory"]), "reading")
	}
	return []card{
		{"Memory", size(g["memory_held_bytes"]), "", room},
		{"Free disk", size(g["disk_free_bytes data"]), "", "for data, and " + size(g["disk_free_bytes archive"]) + " for archives"},
		{"Journal", size(g["journal_bytes"]), "", "a snapshot held all of it " + ago(at.Sub(snapshot))},
		{"Silent meters", grouped(int(g["silent_meters"])), "", "of " + grouped(int(g["accounts"])) + ": no reading of the last 24 hours"},
	}
}

// most says how long 99 of 100 took at most, of one or more.
func most(h histogram) string {
	bound, isOver := h.most()
	text := strings.NewReplacer("ms", " ms", "µs", " µs", "s", " s").Replace(bound.String())
	if isOver {
		text = "over " + text
	}
	return text
}

// perSecond writes how often something happened, with a decimal if that is seldom.
func perSecond(times float64, lasted time.Duration) string {
	rate := times / lasted.Seconds()
	if rate == 0 || rate >= 10 {
		return grouped(int(math.Round(rate)))
	}
	return fmt.Sprintf("%.2f", rate)
}

// size writes a number of bytes.
func size(bytes float64) string {
	if math.IsNaN(bytes) {
		return unknown
	}
	units := []string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	n := 0
	for ; bytes >= 999.5 && n < len(units)-1; n++ {
		bytes /= 1000
	}
	if n == 0 || bytes >= 99.5 {
		return fmt.Sprintf("%.0f %s", bytes, units[n])
	}
	return fmt.Sprintf("%.1f %s", bytes, units[n])
}

// refusalRow is how many readings were refused with a code.
type refusalRow struct{ Code, Lately, Since string }

func (c counted) refused() (rows []refusalRow) {
	for _, code := range slices.Sorted(maps.Keys(c.after.refused)) {
		if all := c.after.refused[code]; all > 0 {
			rows = append(rows, refusalRow{code, grouped(int(all - c.before.refused[code])), grouped(int(all))})
		}
	}
	return rows
}

// routeRow is how often a route was asked.
type routeRow struct{ Route, Requests, Most, Failed string }

// routesMax is how many routes are listed.
const routesMax = 12

// routes lists what was asked, the most frequent first, but for pages and what they are made of.
func (c counted) routes() (rows []routeRow) {
	asked := make(map[string]histogram)
	for route, h := range c.after.requests {
		if h = h.since(c.before.requests[route]); h.count > 0 && !strings.Contains(route, " /ui") {
			asked[route] = h
		}
	}
	routes := slices.SortedFunc(maps.Keys(asked), func(a, b string) int {
		return cmp.Or(cmp.Compare(asked[b].count, asked[a].count), cmp.Compare(a, b))
	})
	for _, route := range routes[:min(len(routes), routesMax)] {
		failed := c.after.failed[route] - c.before.failed[route]
		rows = append(rows, routeRow{route, grouped(int(asked[route].count)), most(asked[route]), grouped(int(failed))})
	}
	return rows
}
