package maintenance

import (
	"net/http"

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

	of   func(meter.Day) meter.Period                                      // the period that a day lies in
	bind func(*http.Request) (period meter.Period, dryRun bool, err error) // no period if none was named
}

// Daily archives days.
func Daily() Kind {
	return Kind{
		program: "daily", title: "Daily maintenance", addrEnv: "DAILY_ADDR", path: "/perform_daily_maintenance",
		catchUpMax: 62, of: meter.Day.Period,
		bind: func(r *http.Request) (meter.Period, bool, error) {
			var q struct {
				Date   string `param:"date" validate:"omitempty,day"`
				DryRun string `param:"dry_run" validate:"omitempty,oneof=true false"`
			}
			err := httpkit.Bind(r, &q)
			period, _ := meter.ParsePeriod(q.Date) // validated before
			return period, q.DryRun == "true", err
		},
	}
}

// Monthly archives months, has them billed and cleared from memory.
func Monthly() Kind {
	return Kind{
		program: "monthly", title: "Monthly maintenance", addrEnv: "MONTHLY_ADDR", path: "/perform_monthly_maintenance",
		catchUpMax: 12, of: func(day meter.Day) meter.Period { return day.CalendarMonth().Period() },
		bind: func(r *http.Request) (meter.Period, bool, error) {
			var q struct {
				Month  string `param:"month" validate:"omitempty,month"`
				DryRun string `param:"dry_run" validate:"omitempty,oneof=true false"`
			}
			err := httpkit.Bind(r, &q)
			period, _ := meter.ParsePeriod(q.Month) // validated before
			return period, q.DryRun == "true", err
		},
	}
}

// last returns the last period that has ended.
func (k Kind) last(today meter.Day) meter.Period { return k.of(today).Add(-1) }

// request asks the api to archive a period.
func request(p meter.Period, dryRun bool) client.MaintenanceRequest {
	if p.IsMonth() {
		return client.MaintenanceRequest{Type: client.Monthly, Month: p.String(), DryRun: dryRun}
	}
	return client.MaintenanceRequest{Type: client.Daily, Date: p.String(), DryRun: dryRun}
}
