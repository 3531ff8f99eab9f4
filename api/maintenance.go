package api

import "meterledger/internal/meter"

// MaintenanceType is what a maintenance run does.
type MaintenanceType string

// The types of maintenance.
const (
	Daily   MaintenanceType = "daily"
	Monthly MaintenanceType = "monthly"
	Both    MaintenanceType = "both"
)

// MaintenanceResult is the result of a run.
type MaintenanceResult struct {
	Success   bool            `json:"success"`
	Message   string          `json:"message"`
	Timestamp string          `json:"timestamp"`
	Type      MaintenanceType `json:"maintenance_type"`
	Archives  []Archive       `json:"archives"`
}

// Archive is an archive file of the api.
type Archive struct {
	Period string `json:"period"` // YYYY-MM-DD or YYYY-MM
	File   string `json:"file"`
	Rows   uint64 `json:"rows"`
	SHA256 string `json:"sha256"`
}

// MaintenanceStatus is the state of maintenance, and its results.
type MaintenanceStatus struct {
	IsMaintenanceMode bool                                `json:"is_maintenance_mode"`
	IsReceivingData   bool                                `json:"is_receiving_data"`
	Accepting         Accepting                           `json:"accepting"`
	Timestamp         string                              `json:"timestamp"`
	Timezone          string                              `json:"timezone"`
	Running           *MaintenanceProgress                `json:"running"`   // null if nothing runs
	LastRuns          map[MaintenanceType]*MaintenanceRun `json:"last_runs"` // null for a type that has not run
	Archives          []ArchiveListing                    `json:"archives"`
	Due               []DuePeriod                         `json:"due"`    // in order of time, days before months
	Meters            int                                 `json:"meters"` // that are registered
}

// DuePeriod is a day or a month that has ended and is to be archived, again or for the first
// time.
type DuePeriod struct {
	Period string `json:"period"` // YYYY-MM-DD or YYYY-MM
	Reason string `json:"reason"`
}

// Accepting says whether readings are taken now.
type Accepting struct {
	Readings bool          `json:"readings"`
	Reason   *meter.Reason `json:"reason"` // why not; null if they are
}

// MaintenanceProgress is the progress of a run.
type MaintenanceProgress struct {
	Type          MaintenanceType `json:"maintenance_type"`
	Period        string          `json:"period"`
	Phase         string          `json:"phase"`
	Rows          int64           `json:"rows"`
	RowsPerSecond int64           `json:"rows_per_second"`
	Meters        int64           `json:"meters"`
	MetersTotal   int64           `json:"meters_total"`
	Percent       int             `json:"percent"`
	SecondsLeft   *int64          `json:"seconds_left"` // null if not known yet
	StartedAt     string          `json:"started_at"`
}

// MaintenanceRun is a run that has ended.
type MaintenanceRun struct {
	Period     string    `json:"period"`
	Success    bool      `json:"success"`
	Message    string    `json:"message"`
	StartedAt  string    `json:"started_at"`
	FinishedAt string    `json:"finished_at"`
	Archives   []Archive `json:"archives"`
}

// ArchiveListing is an archive with the figures of its manifest, which are null without a
// valid one.
type ArchiveListing struct {
	Archive
	WrittenAt string  `json:"written_at"`
	State     string  `json:"state"` // good, or what is wrong with it
	Meters    *uint64 `json:"meters"`
	First     *string `json:"first"`
	Last      *string `json:"last"`
	Bytes     *int64  `json:"bytes"`
	Version   *string `json:"version"`
}

// Reception says whether readings are received from now on.
type Reception struct {
	Success         bool   `json:"success"`
	Message         string `json:"message"`
	Timestamp       string `json:"timestamp"`
	IsReceivingData bool   `json:"is_receiving_data"`
}

// Backup is a backup that was made.
type Backup struct {
	Success   bool   `json:"success"`
	Message   string `json:"message"`
	Timestamp string `json:"timestamp"`
	Name      string `json:"name"`
	Folder    string `json:"folder"` // with data and Archive in it
}

// RestoreResult counts what was restored from the archive folder.
type RestoreResult struct {
	Success    bool         `json:"success"`  // the folder was read to its end
	Complete   bool         `json:"complete"` // nothing in it was refused or unverified
	Message    string       `json:"message"`
	Timestamp  string       `json:"timestamp"`
	Accounts   int          `json:"restored_accounts_count"`
	Events     int          `json:"restored_events_count"` // what happened to meters beside their readings
	Meters     int          `json:"restored_meters_count"`
	Readings   int          `json:"restored_readings_count"`
	Duplicates int          `json:"duplicates_count"`
	Refused    int          `json:"refused_count"`
	Rows       []RefusedRow `json:"refused"`    // at most 1,000 of the refused rows
	Unverified []string     `json:"unverified"` // files that were not those of their manifests, and were taken row by row
}

// RefusedRow says why a row of an archive file was not restored.
type RefusedRow struct {
	File   string     `json:"file"`
	Row    int        `json:"row"` // from 1, without the header; 0 for the whole file
	Code   meter.Code `json:"code"`
	Detail string     `json:"detail"`
}

// PerformResult is the result of a run of daily or monthly.
type PerformResult struct {
	Success     bool   `json:"success"`
	Message     string `json:"message"`
	Timestamp   string `json:"timestamp"`
	ArchivePath string `json:"archive_path"`
}

// ProgramStatus is the state of daily or monthly, and its results.
type ProgramStatus struct {
	Program   string         `json:"program"`
	Schedule  string         `json:"schedule"`
	Timezone  string         `json:"timezone"`
	NextRun   *string        `json:"next_run"` // null if the schedule is off
	Running   bool           `json:"running"`
	Timestamp string         `json:"timestamp"`
	LastRuns  []ScheduledRun `json:"last_runs"` // the newest first

	Reason      *meter.Reason       `json:"reason"`      // why nothing can be run; null if it can
	Outstanding []OutstandingPeriod `json:"outstanding"` // in order of time
}

// OutstandingPeriod is a day or a month that daily or monthly has still to have archived.
type OutstandingPeriod struct {
	Period string `json:"period"` // YYYY-MM-DD or YYYY-MM
	Reason string `json:"reason"` // that of a DuePeriod, missed, failed or refused
}

// ScheduledRun is a run of daily or monthly that has ended.
type ScheduledRun struct {
	Period      string `json:"period"`
	Trigger     string `json:"trigger"`
	Success     bool   `json:"success"`
	Message     string `json:"message"`
	Attempts    int    `json:"attempts"`
	ArchivePath string `json:"archive_path"`
	StartedAt   string `json:"started_at"`
	FinishedAt  string `json:"finished_at"`
}
