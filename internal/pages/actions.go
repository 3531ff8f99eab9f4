package pages

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"

	"meterledger/api"
	"meterledger/internal/httpkit"
	"meterledger/internal/meter"
)

// actions are all that operators do with a button.
var actions = []action{
	{
		name: "archive", title: "Archive a day", here: "/archives", after: "/ui/operator/runs",
		says: "The day's readings are written into a file, and their exceptions are found. Archived again, the file gets what came since.",
		form: (*site).archiveForm, ask: askArchive, preview: previewArchives,
	},
	{
		name: "close", title: "Close a month", here: "/archives", after: "/ui/operator/runs",
		says: "The month's readings are written into a file, its bills are issued, and memory lets go of it. What comes late is billed by the next closing.",
		form: (*site).closeForm, ask: askClose, preview: previewArchives,
	},
	{
		name: "backup", title: "Make a backup", here: "/archives",
		says: "Data and archives, as they are at one moment, are put into a folder beside them. Copy it to another machine.",
		form: (*site).backupForm, ask: asks("/backup", "name"), result: resultOfBackup,
	},
	{
		name: "restore", title: "Restore from the archives", here: "/archives",
		says: "All files of the archive folder are read, and what is not known yet is added. Nothing that is known changes. Large folders take minutes.",
		form: (*site).restoreForm, ask: asks("/restore_data"), result: resultOfRestore,
	},
	{
		name: "shutdown", title: "Shut reception down",
		says: "Readings and registrations of everybody are refused until reception is resumed, also after a restart. Questions go on being answered.",
		form: (*site).shutdownForm, ask: asks("/shutdown"),
	},
	{
		name: "resume", title: "Resume reception",
		says: "From then on readings and registrations are taken again.",
		form: (*site).resumeForm, ask: asks("/resume", "clock"),
	},
	{
		name: "resolve", title: "Resolve an exception", here: "/exceptions",
		says: "Your verdict is kept with the exception. It changes no reading.",
		form: (*site).resolveForm, ask: askResolve,
	},
	{
		name: "correct", isOfMeter: true, title: "Correct a reading", here: "/meters",
		says: "Answers, archives and bills go by the new register from now on. The meter's history keeps what it was.",
		form: (*site).correctForm, ask: askCorrect,
	},
	{
		name: "retake", isOfMeter: true, title: "Retake refused readings", here: "/meters",
		says: "Readings of the meter that were refused because registers rise with time are judged again. What is right by now is recorded, the others stay refused.",
		form: (*site).retakeForm, ask: askRetake, result: resultOfRetake,
	},
}

// asks asks the api for something without a body, with those parameters that are known.
func asks(path string, names ...string) func(url.Values) (request, error) {
	return func(known url.Values) (request, error) {
		return request{path: path, parameters: given(known, names...)}, nil
	}
}

// askArchive and askClose do not wait for the end of the run: a page shows how it goes.
func askArchive(known url.Values) (request, error) { return askRun(api.Daily, known, "date") }

func askClose(known url.Values) (request, error) { return askRun(api.Monthly, known, "month") }

func askRun(kind api.MaintenanceType, known url.Values, period string) (request, error) {
	parameters := given(known, period)
	parameters.Set("maintenance_type", string(kind))
	parameters.Set("wait", "false")
	return request{path: "/maintenance/start", parameters: parameters}, nil
}

func (s *site) archiveForm(_ *http.Request, known url.Values) (form, error) {
	yesterday := s.zone.Today(s.Reader.Now()).AddDays(-1)
	day := field{Name: "date", Label: "Day", Type: "date", Value: cmp.Or(known.Get("date"), yesterday.String()), IsRequired: true}
	return form{Fields: []field{day}, Button: "Archive it"}, nil
}

func (s *site) closeForm(_ *http.Request, known url.Values) (form, error) {
	month := field{
		Name: "month", Label: "Month", Type: "month", Hint: "Year and month, such as 2026-11", IsRequired: true,
		Value: cmp.Or(known.Get("month"), s.Reader.LastMonth().String()),
	}
	return form{Fields: []field{month}, Button: "Close it", IsDanger: true}, nil
}

func (s *site) backupForm(_ *http.Request, known url.Values) (form, error) {
	name := field{Name: "name", Label: "Name", Type: "text", Hint: "Without one it is named by the time", Value: known.Get("name")}
	return form{Fields: []field{name}, Button: "Make the backup"}, nil
}

func (s *site) restoreForm(*http.Request, url.Values) (form, error) {
	return form{Button: "Restore"}, nil
}

func (s *site) shutdownForm(r *http.Request, _ url.Values) (form, error) {
	_, about, err := s.reception(r)
	return form{About: about, Button: "Shut reception down", IsDanger: true}, err
}

func (s *site) resumeForm(r *http.Request, known url.Values) (form, error) {
	reason, about, err := s.reception(r)
	f := form{About: about, Button: "Resume reception"}
	if reason == meter.ReasonClockBehind {
		f.Fields = []field{{
			Name: "clock", Type: "checkbox", Value: "trust", Label: "The clock of this machine is right",
			Hint: "It shows " + s.instant(s.Reader.Now()).Text + ", and the ledger has written later than that.",
		}}
	}
	return f, err
}

// reception returns why readings are not taken now, none while they are, and a part of a page that says so.
func (s *site) reception(r *http.Request) (reason meter.Reason, about template.HTML, err error) {
	reason, why, err := s.refusing(r)
	if err == nil {
		about, err = part("reception", why)
	}
	return reason, about, err
}

// previewArchives shows which archives a run would write.
func previewArchives(answer *reply) (template.HTML, error) {
	var would api.MaintenanceResult
	if err := json.Unmarshal(answer.Bytes(), &would); err != nil {
		return "", err
	}
	return part("would be archived", would.Archives)
}

func resultOfBackup(answer *reply) (result, error) {
	var made api.Backup
	err := json.Unmarshal(answer.Bytes(), &made)
	return result{IsWhole: true, Says: "The backup is made.", Facts: []fact{{"Name", made.Name}, {"Folder", made.Folder}}}, err
}

func resultOfRestore(answer *reply) (result, error) {
	var restored api.RestoreResult
	err := json.Unmarshal(answer.Bytes(), &restored)
	done := result{IsWhole: restored.Complete, Says: "The archives are restored.", Facts: []fact{
		{"Accounts restored", strconv.Itoa(restored.Accounts)},
		{"Events in meters' lives restored", strconv.Itoa(restored.Events)},
		{"Readings restored", strconv.Itoa(restored.Readings)},
		{"Meters that they are of", strconv.Itoa(restored.Meters)},
		{"Readings that were there already", strconv.Itoa(restored.Duplicates)},
		{"Rows refused", strconv.Itoa(restored.Refused)},
	}}
	if !restored.Complete {
		done.Says = "The archives are restored, but not all that they hold."
	}
	for _, row := range restored.Rows {
		done.Refused = append(done.Refused, refusedRow{fmt.Sprintf("%s, row %d", row.File, row.Row), httpkit.Sentence(row.Detail)})
	}
	for _, file := range restored.Unverified {
		done.Refused = append(done.Refused, refusedRow{file, "It is not the file of its manifest: its rows were taken one by one."})
	}
	return done, err
}
