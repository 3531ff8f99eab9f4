package maintenance

import (
	"net/http"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// Kind is what a service archives: days or months.
type Kind struct {
	program    string // the name of the program
	title      string // what a run is called
	addrEnv    string // the environment variable of -addr
	path       string // where a run is asked for
	catchUpMax int    // how many missed periods are made up for, counted back from the last

	of   func(meter.Day) meter.Period                                                   // the period that a day lies in
	bind func(*http.Request, *meter.Zone) (period meter.Period, dryRun bool, err error) // no period if none was named
}

// Daily archives days.
func Daily() Kind {
	return Kind{
		program: "daily", title: "Daily maintenance", addrEnv: "DAILY_ADDR", path: "/perform_daily_maintenance",
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

// Monthly archives months, has them billed and cleared from memory.
func Monthly() Kind {
	return Kind{
		program: "monthly", title: "Monthly maintenance", addrEnv: "MONTHLY_ADDR", path: "/perform_monthly_maintenance",
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

// request asks the api to archive a period.
func request(p meter.Period, dryRun bool) client.MaintenanceRequest {
	if p.IsMonth() {
		return client.MaintenanceRequest{Type: api.Monthly, Month: p.String(), DryRun: dryRun}
	}
	return client.MaintenanceRequest{Type: api.Daily, Date: p.String(), DryRun: dryRun}
}
