package maintenance

import (
	"net/http"
	"slices"

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
	bind    func(*http.Request) (period string, dryRun bool, err error) // empty where none was named
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
			return client.MaintenanceRequest{Type: client.Daily, Date: period}
		},
		bind: func(r *http.Request) (string, bool, error) {
			var q struct {
				Date   string `param:"date" validate:"omitempty,day"`
				DryRun string `param:"dry_run" validate:"omitempty,oneof=true false"`
			}
			err := httpkit.Bind(r, &q)
			return q.Date, q.DryRun == "true", err
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
			return client.MaintenanceRequest{Type: client.Monthly, Month: period}
		},
		bind: func(r *http.Request) (string, bool, error) {
			var q struct {
				Month  string `param:"month" validate:"omitempty,month"`
				DryRun string `param:"dry_run" validate:"omitempty,oneof=true false"`
			}
			err := httpkit.Bind(r, &q)
			return q.Month, q.DryRun == "true", err
		},
	}
}

// missed returns, in order of time, the periods up to last that have no archive,
// from the oldest archive on. Where there is none at all, only last is missed:
// what the api held before it was first archived is for an operator to say.
func (k Kind) missed(archives []client.Archive, last string) []string {
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
