package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meterledger/api"
	"meterledger/internal/client"
	"meterledger/internal/meter"
	"meterledger/internal/tools/suite/programs"
)

// TestDailyAndMonthlyStartWithWhatIsDue archives yesterday before its rows come, and imports
// a month of long ago. Then daily and monthly start.
func TestDailyAndMonthlyStartWithWhatIsDue(t *testing.T) {
	served, _ := startAPI(t, http.DefaultTransport)
	c := served.Client()
	yesterday := time.Now().In(loadSingapore(t)).AddDate(0, 0, -1).Format(time.DateOnly)
	if _, err := c.StartMaintenance(t.Context(), client.MaintenanceRequest{Type: api.Daily, Date: yesterday}); err != nil {
		t.Fatal(err)
	}
	if err := c.RegisterAccount(t.Context(), "c1", "Tan", "Road"); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"2014-03-01T00:00:00 100", "2014-03-31T23:30:00 130", yesterday + "T00:00:00 200", yesterday + "T00:30:00 201"} {
		stamp, register, _ := strings.Cut(row, " ")
		if err := c.RecordReading(t.Context(), "c1", stamp, mustRegister(t, register)); err != nil {
			t.Fatal(err)
		}
	}
	folder := t.TempDir()
	env := append(programs.Env(folder, "Asia/Singapore"), "API_URL="+served.URL, "DAILY_SCHEDULE=0 0 29 2 *", "MONTHLY_SCHEDULE=0 0 29 2 *")
	for _, name := range []programs.Name{programs.Daily, programs.Monthly} {
		program, err := programs.StartProgram(t.Context(), programs.Config{BinDir: binaries, Env: env}, name)
		if err != nil {
			t.Fatal(err)
		}
		defer program.Stop()
	}
	status := awaitNothingDue(t, c)
	for _, want := range []string{yesterday + " 2", "2014-03 2"} {
		period, rows, _ := strings.Cut(want, " ")
		found := false
		for _, of := range status.Archives {
			if of.Period == period {
				found = true
				text, err := os.ReadFile(of.File)
				if fmt.Sprint(of.Rows) != rows || of.State != "good" || err != nil || strings.Count(string(text), "\n") != 3 {
					t.Errorf("%s: %+v, %v:\n%s", filepath.Base(of.File), of, err, text)
				}
			}
		}
		if !found {
			t.Errorf("%s is not archived: %+v", period, status.Archives)
		}
	}
	bill, err := c.Bill(t.Context(), "c1", meter.Month{Year: 2014, Month: time.March})
	if err != nil || bill.Consumption == nil || bill.Consumption.String() != "30" {
		t.Errorf("the bill of March 2014 is %+v, %v", bill, err)
	}
}

// awaitNothingDue asks for the status until nothing is due and nothing runs.
func awaitNothingDue(t *testing.T, c *client.Client) api.MaintenanceStatus {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		status, err := c.MaintenanceStatus(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(status.Due) == 0 && status.Running == nil {
			return status
		}
		if time.Now().After(deadline) {
			t.Fatalf("a minute later there is still due: %+v", status.Due)
		}
	}
}

func mustRegister(t *testing.T, text string) meter.Register {
	t.Helper()
	register, err := meter.ParseRegister(text)
	if err != nil {
		t.Fatal(err)
	}
	return register
}
