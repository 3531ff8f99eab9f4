package programs

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"
)

// setStdout makes f the standard output for one test.
func setStdout(t *testing.T, f *os.File) {
	t.Helper()
	before := os.Stdout
	os.Stdout = f
	t.Cleanup(func() { os.Stdout = before })
}

func TestAToolThatNobodyReadsIsEnded(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader.Close()
	setStdout(t, writer)
	Main("tool", func(ctx context.Context, _ []string, stdout, _ io.Writer) error {
		if _, err := io.WriteString(stdout, "hello\n"); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("writing into a closed pipe: %v", err)
		}
		if ctx.Err() == nil {
			t.Error("the context goes on")
		}
		return nil
	})
}

func TestAConnectionThatBreaksDoesNotEndATool(t *testing.T) {
	Main("tool", func(ctx context.Context, _ []string, _, _ io.Writer) error {
		ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer syscall.Close(ends[0])
		syscall.Close(ends[1])
		for range 1000 {
			if _, err := syscall.Write(ends[0], []byte("hello")); !errors.Is(err, syscall.EPIPE) {
				t.Fatalf("writing into a broken connection: %v", err)
			}
		}
		if err := ctx.Err(); err != nil {
			t.Errorf("the context ended: %v", err)
		}
		return nil
	})
}
