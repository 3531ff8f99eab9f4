package maintenance

import (
	"net/http"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Kind says whether a service archives days or months.
type Kind struct {
	program    string // the name of the program
	title      string // of a run, in messages
	addrEnv    string // the environment variable of -addr
	path       string // of requests for a run
	unit       string // Date or Month: a period, for people; in lower case its parameter, and its type of input
	does       string // what a run does, in a sentence
	catchUpMax int    // how many periods back from the last are looked at for missed ones

	of   func(meter.Day) meter.Period                                                   // the period that a day lies in
	bind func(*http.Request, *meter.Zone) (period meter.Period, dryRun bool, err error) // no period if none was named
}

// Daily archives days.
func Daily() Kind {
	return Kind{
		program: "daily", title: "Daily maintenance", addrEnv: "DAILY_ADDR", path: "/perform_daily_maintenance",
		unit: "Date", does: "The api writes the readings of the day into a file, and keeps them in memory. Running it again changes nothing.",
		catchUpMax: 62, of: meter.Day.Period,
		bind: func(r *http.Request, zone *meter.Zone) (meter.Period, bool, error) {
			var q struct {
				Date   meter.Day `param:"date"`
				DryRun bool      `param:"dry_run"`
			}
			err := httpkit.Bind(r, zone, &q)
			return q.Date.Period(), q.DryRun, err
		},
	}
}

// Monthly closes months: the api archives them, bills them and clears them from memory.
func Monthly() Kind {
	return Kind{
		program: "monthly", title: "Monthly maintenance", addrEnv: "MONTHLY_ADDR", path: "/perform_monthly_maintenance",
		unit: "Month", does: "The api writes the readings of the month into a file, issues its bills, and clears it from memory. Open months before it are closed too. Running it again changes nothing.",
		catchUpMax: 12, of: func(day meter.Day) meter.Period { return day.CalendarMonth().Period() },
		bind: func(r *http.Request, zone *meter.Zone) (meter.Period, bool, error) {
			var q struct {
				Month  meter.Month `param:"month"`
				DryRun bool        `param:"dry_run"`
			}
			err := httpkit.Bind(r, zone, &q)
			return q.Month.Period(), q.DryRun, err
		},
	}
}

// last returns the last period that has ended.
func (k Kind) last(today meter.Day) meter.Period { return k.of(today).Add(-1) }

// request returns the request to the api for a period.
func request(p meter.Period, dryRun bool) client.MaintenanceRequest {
	if p.IsMonth() {
		return client.MaintenanceRequest{Type: api.Monthly, Month: p.String(), DryRun: dryRun}
	}
	return client.MaintenanceRequest{Type: api.Daily, Date: p.String(), DryRun: dryRun}
}
