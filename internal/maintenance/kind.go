package maintenance

import (
	"fmt"
	"net/http"
	"slices"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Kind is what a service archives: days or months. Its periods are text,
// YYYY-MM-DD or YYYY-MM, which sorts by time.
type Kind struct {
	program    string // the name of the program
	title      string // what a run is called
	addrEnv    string // the environment variable of -addr
	path       string // where a run is asked for
	catchUpMax int    // how many missed periods are made up for, counted back from the last

	last    func(today meter.Day) string      // the last period that has ended
	add     func(period string, n int) string // the period n after, or before where n is negative
	request func(period string) client.MaintenanceRequest
	bind    func(*http.Request, *meter.Zone) (period string, dryRun bool, err error) // empty if none was named
}

// Daily archives days.
func Daily() Kind {
	return Kind{
		program: "daily", title: "Daily maintenance", addrEnv: "DAILY_ADDR", path: "/perform_daily_maintenance",
		catchUpMax: 62,
		last:       func(today meter.Day) string { return today.AddDays(-1).String() },
		add: func(period string, n int) string {
			day, _ := meter.ParseDay(period)
			return day.AddDays(n).String()
		},
		request: func(period string) client.MaintenanceRequest {
			return client.MaintenanceRequest{Type: api.Daily, Date: period}
		},
		bind: func(r *http.Request, zone *meter.Zone) (string, bool, error) {
			var q struct {
				Date   *meter.Day `param:"date"`
				DryRun bool       `param:"dry_run"`
			}
			err := httpkit.Bind(r, zone, &q)
			return named(q.Date), q.DryRun, err
		},
	}
}

// Monthly archives months, has them billed and cleared from memory.
func Monthly() Kind {
	return Kind{
		program: "monthly", title: "Monthly maintenance", addrEnv: "MONTHLY_ADDR", path: "/perform_monthly_maintenance",
		catchUpMax: 12,
		last:       func(today meter.Day) string { return today.CalendarMonth().Add(-1).String() },
		add: func(period string, n int) string {
			month, _ := meter.ParseMonth(period)
			return month.Add(n).String()
		},
		request: func(period string) client.MaintenanceRequest {
			return client.MaintenanceRequest{Type: api.Monthly, Month: period}
		},
		bind: func(r *http.Request, zone *meter.Zone) (string, bool, error) {
			var q struct {
				Month  *meter.Month `param:"month"`
				DryRun bool         `param:"dry_run"`
			}
			err := httpkit.Bind(r, zone, &q)
			return named(q.Month), q.DryRun, err
		},
	}
}

// named returns the period that a request names, or nothing.
func named[P fmt.Stringer](period *P) string {
	if period == nil {
		return ""
	}
	return (*period).String()
}

// missed returns, in order of time, the periods up to last that have no archive,
// from the oldest archive on. Where there is none at all, only last is missed:
// what the api held before it was first archived is for an operator to say.
func (k Kind) missed(archives []api.Archive, last string) []string {
	var archived []string
	for _, a := range archives {
		if len(a.Period) == len(last) { // of our kind: days and months differ in length
			archived = append(archived, a.Period)
		}
	}
	if len(archived) == 0 {
		return []string{last}
	}
	var missed []string
	oldest := max(slices.Min(archived), k.add(last, 1-k.catchUpMax))
	for period := oldest; period <= last; period = k.add(period, 1) {
		if !slices.Contains(archived, period) {
			missed = append(missed, period)
		}
	}
	return missed
}
