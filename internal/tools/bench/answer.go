package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// answer is what ours has answered once. The floor answers with the same header and
// the same bytes.
type answer struct {
	Header http.Header
	Body   []byte
}

// answerTo asks ours.
func (s *server) answerTo(ctx context.Context, request []byte) (a answer, err error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.host)
	if err != nil {
		return a, err
	}
	defer c.Close()
	if _, err := c.Write(request); err != nil {
		return a, err
	}
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := io.Copy(&body, response.Body); err != nil {
		return a, err
	}
	if response.StatusCode != http.StatusOK {
		return a, fmt.Errorf("%.100q was answered %d %s", request, response.StatusCode, &body)
	}
	response.Header.Del("Date") // the server writes its own
	return answer{response.Header, body.Bytes()}, nil
}

// write writes the answer to a file of the folder, for the floor to read.
func (a answer) write(folder string) (path string, err error) {
	file, err := os.CreateTemp(folder, "answer")
	if err != nil {
		return "", fmt.Errorf("writing the answer of the floor: %w", err)
	}
	return file.Name(), errors.Join(json.NewEncoder(file).Encode(a), file.Close())
}

func readAnswer(path string) (a answer, err error) {
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	if err != nil {
		err = fmt.Errorf("reading the answer to give: %w", err)
	}
	return a, err
}
