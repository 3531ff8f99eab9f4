package meter

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says what sort of thing went wrong; the HTTP edge has one table that
// turns a kind into a status.
type Kind uint8

// The kinds of error. KindInternal is the zero value: an error without a kind is a fault
// of the program, not of the caller.
const (
	KindInternal Kind = iota
	KindInvalid
	KindUnauthorized
	KindNotFound
	KindForbidden
	KindMethodNotAllowed
	KindTooLarge
	KindUnsupportedMedia
	KindTooMany
	KindTimeout
	KindUnavailable
)

// Code is the stable, machine-readable name of an error.
type Code string

// The codes that callers may rely on.
const (
	CodeInvalidParameter  Code = "invalid_parameter"
	CodeInvalidTimestamp  Code = "invalid_timestamp"
	CodeInvalidReading    Code = "invalid_reading"
	CodeInvalidRow        Code = "invalid_row"
	CodeReadingDecreases  Code = "reading_decreases"
	CodeReadingConflict   Code = "reading_conflict"
	CodeExchangeConflict  Code = "exchange_conflict"
	CodeMeterExists       Code = "meter_exists"
	CodeMeterNotFound     Code = "meter_not_found"
	CodeNotEnoughReadings Code = "not_enough_readings"
	CodeBillNotFound      Code = "bill_not_found"
	CodeAlreadyShutDown   Code = "already_shut_down"
	CodeAlreadyReceiving  Code = "already_receiving"
	CodeTooLarge          Code = "too_large"
	CodeTooManyRefusals   Code = "too_many_refusals"
	CodeRateLimited       Code = "rate_limited"
	CodeRequestTimeout    Code = "request_timeout"
	CodeUnauthorized      Code = "unauthorized"
	CodeForbidden         Code = "forbidden"
	CodeForbiddenOrigin   Code = "forbidden_origin"
	CodeNotFound          Code = "not_found"
	CodeMethodNotAllowed  Code = "method_not_allowed"
	CodeUnsupportedMedia  Code = "unsupported_media_type"
	CodeArchiveConflict   Code = "archive_conflict"
	CodeUpstream          Code = "api_unavailable"
	CodeInternal          Code = "internal"

	// What passes: always with KindUnavailable, so that the same request may be sent again.
	CodeNotReceiving       Code = "not_receiving"
	CodeNotReady           Code = "not_ready"
	CodeMaintenanceRunning Code = "maintenance_running"
	CodeOverloaded         Code = "overloaded"
	CodeDiskFull           Code = "disk_full"
	CodeDiskSlow           Code = "disk_slow"
	CodeMemoryFull         Code = "memory_full"
	CodeArchiveUnavailable Code = "archive_unavailable"
)

// Passes reports whether an error with this code is about a state that passes, so that the
// same request may be sent again.
func (c Code) Passes() bool {
	switch c {
	case CodeNotReceiving, CodeNotReady, CodeMaintenanceRunning, CodeOverloaded, CodeDiskFull, CodeDiskSlow, CodeMemoryFull, CodeArchiveUnavailable:
		return true
	default:
		return false
	}
}

// Reason is the word for why readings are not taken now.
type Reason string

// The reasons, as callers are told them.
const (
	ReasonStarting    Reason = "starting"
	ReasonShutDown    Reason = "shut_down"
	ReasonDiskFull    Reason = "disk_full"
	ReasonDiskSlow    Reason = "disk_slow"
	ReasonMemoryFull  Reason = "memory_full"
	ReasonClockBehind Reason = "clock_behind"
	ReasonClockSkew   Reason = "clock_skew" // of several nodes, this one has another time than the one that leads
	ReasonNoQuorum    Reason = "no_quorum"  // of several nodes, too few answer

	ReasonAPIAway   Reason = "api_away"   // daily and monthly run nothing
	ReasonOtherZone Reason = "other_zone" // the api's days and months are not theirs
)

// Error is an error that a caller is told. Detail is one plain sentence and
// never holds a path or another detail of the inside.
type Error struct {
	Kind       Kind
	Code       Code
	Field      string        // the parameter at fault, or empty
	Detail     string        // one plain sentence
	RetryAfter time.Duration // with KindUnavailable and KindTooMany: how long to wait
	Reason     Reason        // with KindUnavailable: why readings are not taken, if they are not
}

func (e *Error) Error() string { return e.Detail }

// Invalid is bad input: the named field is at fault. Detail begins with the
// field's name, so that a caller who reads nothing else can mend it.
func Invalid(code Code, field, format string, args ...any) *Error {
	detail := fmt.Sprintf(format, args...)
	if field != "" {
		detail = field + " " + detail
	}
	return &Error{Kind: KindInvalid, Code: code, Field: field, Detail: detail}
}

// Errorf returns an error of any kind.
func Errorf(kind Kind, code Code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Detail: fmt.Sprintf(format, args...)}
}

// NotFound says that what was asked for does not exist.
func NotFound(code Code, format string, args ...any) *Error {
	return Errorf(KindNotFound, code, format, args...)
}

// Unavailable says that something cannot be done now, and after how long to try again.
func Unavailable(code Code, retryAfter time.Duration, format string, args ...any) *Error {
	return &Error{Kind: KindUnavailable, Code: code, Detail: fmt.Sprintf(format, args...), RetryAfter: retryAfter}
}

// Because returns e with a reason.
func (e *Error) Because(r Reason) *Error {
	e.Reason = r
	return e
}

// ReasonOf returns the reason of err, or none.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// UnknownMeter is the answer to an id that is not registered.
func UnknownMeter(id ID) *Error {
	return NotFound(CodeMeterNotFound, "meter %s is not registered", id)
}

// CodeOf returns the code of err, or CodeInternal if err has none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// Passes reports whether err is about a state that passes, so that the same request may be
// sent again.
func Passes(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == KindUnavailable
}

// WorthRepeating reports whether a row that was refused with err may be taken if it is sent
// again as it is: the reason passes, or is a fault on our side, such as an archive that an
// operator has to put back.
func WorthRepeating(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return !ok || e.Kind == KindUnavailable || e.Kind == KindInternal
}

// ErrStopped ends long work when the program stops.
var ErrStopped = errors.New("the program is being stopped; this can be repeated after a restart")

// Stopped returns ErrStopped once ctx is done.
func Stopped(ctx context.Context) error {
	if ctx.Err() != nil {
		return ErrStopped
	}
	return nil
}
