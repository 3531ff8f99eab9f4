package meter_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"meterledger/internal/meter"
)

func TestErrorsKeepTheirCodeWhenTheyAreWrapped(t *testing.T) {
	for _, c := range []struct {
		err  error
		code meter.Code
		kind meter.Kind
	}{
		{meter.Invalid(meter.CodeInvalidParameter, "page_size", "must be at most %d", 25_000), meter.CodeInvalidParameter, meter.KindInvalid},
		{meter.NotFound(meter.CodeBillNotFound, "no bill"), meter.CodeBillNotFound, meter.KindNotFound},
		{meter.UnknownMeter("A"), meter.CodeMeterNotFound, meter.KindNotFound},
		{meter.Unavailable(meter.CodeNotReceiving, time.Second, "not now"), meter.CodeNotReceiving, meter.KindUnavailable},
	} {
		wrapped := fmt.Errorf("answering: %w", c.err)
		var e *meter.Error
		if !errors.As(wrapped, &e) || e.Kind != c.kind || meter.CodeOf(wrapped) != c.code {
			t.Errorf("%v has the code %s", wrapped, meter.CodeOf(wrapped))
		}
	}
	if code := meter.CodeOf(errors.New("disk on fire")); code != meter.CodeInternal {
		t.Errorf("an error that nobody classified has the code %s", code)
	}
}

func TestAFieldErrorBeginsWithItsField(t *testing.T) {
	err := meter.Invalid(meter.CodeInvalidParameter, "page_size", "must be at most %d", 25_000)
	if err.Error() != "page_size must be at most 25000" || err.Field != "page_size" {
		t.Errorf("error %+v", err)
	}
	if err := meter.Invalid(meter.CodeInvalidParameter, "", "the body is empty"); err.Error() != "the body is empty" {
		t.Errorf("error %+v", err)
	}
}

func TestARegisterThatIsNotOneNamesItsField(t *testing.T) {
	_, err := meter.ParseReading("reading", "-1")
	var e *meter.Error
	if !errors.As(err, &e) || e.Code != meter.CodeInvalidReading || e.Field != "reading" || e.Detail != "reading must not be negative" {
		t.Errorf("error %+v", err)
	}
	if k, err := meter.ParseReading("reading", []byte("12.50")); err != nil || k != kwh(t, "12.5") {
		t.Errorf("12.50 was read as %v, %v", k, err)
	}
}
