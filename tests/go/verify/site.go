// A log that is served over HTTP.

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// tries is how often a request is made that is put off with 429 or 503.
	tries = 5
	// longestWait bounds what a server may ask us to wait.
	longestWait = time.Minute
)

// site is a log below a URL.
type site struct {
	prefix, token string
	client        *http.Client
}

func newSite(address, token string, timeout time.Duration) (*site, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: the log's URL cannot be read: %v", errUsage, err)
	}
	web := parsed.Scheme == "http" || parsed.Scheme == "https"
	if !web || parsed.Host == "" || parsed.RawQuery != "" || parsed.Fragment != "" {
		return nil, fmt.Errorf("%w: the log's URL must be http(s)://host/path, without a query", errUsage)
	}
	if timeout <= 0 {
		return nil, fmt.Errorf("%w: a timeout must be longer than nothing", errUsage)
	}
	// A redirect is not followed: the token is for this server, and the log's place is what the auditor said.
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client := &http.Client{Timeout: timeout, CheckRedirect: stay}
	return &site{strings.TrimRight(address, "/"), token, client}, nil
}

func (s *site) get(path string, limit int64) ([]byte, error) {
	for try := 1; ; try++ {
		data, wait, err := s.ask(s.prefix+"/"+path, limit)
		if wait == 0 || try == tries {
			return data, err
		}
		time.Sleep(wait)
	}
}

// ask makes one request. Where the server puts us off, it says how long to wait before the next.
func (s *site) ask(address string, limit int64) ([]byte, time.Duration, error) {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, &unreachableError{err}
	}
	if s.token != "" {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, 0, &unreachableError{err}
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		data, err := bounded(response.Body, address, limit)
		return data, 0, err
	}
	return nil, putOff(response), refusal(address, response)
}

// refusal is the error of an answer that is not the file.
func refusal(address string, response *http.Response) error {
	switch response.StatusCode {
	case http.StatusNotFound:
		return fmt.Errorf("cannot fetch %s: %w", address, errMissing)
	case http.StatusUnauthorized, http.StatusForbidden:
		return unreachable(address, response.Status, "give a token that may read the log with -token")
	default:
		// The beginning of the body often tells more than the status; quoting keeps it on one line.
		body, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return unreachable(address, response.Status, strconv.Quote(string(body)))
	}
}

func unreachable(address, status, more string) error {
	return &unreachableError{fmt.Errorf("cannot fetch %s: the server answered %s: %s", address, status, more)}
}

// putOff gives the time that a busy server asks to wait, and 0 for all other answers.
func putOff(response *http.Response) time.Duration {
	busy := response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable
	if !busy {
		return 0
	}
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	wait := time.Duration(seconds) * time.Second
	if err != nil || wait < time.Second {
		return time.Second
	}
	if wait > longestWait {
		return longestWait
	}
	return wait
}

// missingIsUnreachable is for what must be there if the address is right.
func missingIsUnreachable(err error) error {
	if errors.Is(err, errMissing) {
		return &unreachableError{fmt.Errorf("%w: check the address", err)}
	}
	return err
}
