// Floor serves the floors of bench: with the api's own router, log and metrics it writes a constant where the
// api answers, and looks for the ends of lines and fields in bulk bodies. Bench starts it.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"

	"meterledger/internal/config"
	"meterledger/internal/httpkit"
)

func main() { config.Main(settings, run) }

func settings([]string, func(string) string, io.Writer) (config.Log, error) { return config.Log{}, nil }

func run(ctx context.Context, _ config.Log, log *slog.Logger) error {
	text, err := os.ReadFile(os.Getenv("FLOOR_ANSWER"))
	if err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		return err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	listener, err := httpkit.Listen(os.Getenv("FLOOR_ADDR"), "", "FLOOR_ADDR")
	if err != nil {
		return err
	}
	answer := func(w http.ResponseWriter, _ *http.Request) { // the same header and the same bytes as ours has answered once
		maps.Copy(w.Header(), response.Header)
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body) // a failed write means that the caller has gone; nobody is left to tell
	}
	r := httpkit.NewRouter(httpkit.Program{Log: log, Metrics: httpkit.NewMetrics(), SwaggerUI: httpkit.SwaggerUI()})
	r.Post("/receive_meter_reading", answer)
	r.Get("/get_consumption", answer)
	r.Get("/get_readings", answer)
	r.Post("/receive_meter_readings", split)
	log.Info("listening", "addr", listener.Addr().String())
	return httpkit.Serve(ctx, listener, r, log)
}

const splitBytes = 64 << 10 // read at once

// split reads a body, splits it into rows of fields, and throws them away.
func split(w http.ResponseWriter, r *http.Request) {
	buffer, held, rows := make([]byte, splitBytes), 0, 0
	for {
		n, err := r.Body.Read(buffer[held:])
		whole, cut := splitRows(buffer[:held+n])
		rows += whole
		held = copy(buffer, cut)
		if err == io.EOF {
			break
		}
		if err != nil || held == len(buffer) {
			httpkit.WriteError(w, r, fmt.Errorf("reading a body: %w", err))
			return
		}
	}
	httpkit.WriteJSON(w, http.StatusOK, map[string]int{"accepted": rows - 1}) // the header is no reading
}

// splitRows returns how many rows of three fields there are, and what follows the last line end.
func splitRows(b []byte) (rows int, cut []byte) {
	for {
		line, rest, found := bytes.Cut(b, []byte{'\n'})
		if !found {
			return rows, b
		}
		_, line, _ = bytes.Cut(line, []byte{','})
		if _, _, three := bytes.Cut(line, []byte{','}); three {
			rows++
		}
		b = rest
	}
}
