// Where a log's files come from. What is read is bounded, in bytes and in time: nothing is believed of the other side.

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// source gives a file of the log, by its path below the log's prefix.
type source interface {
	// get gives the whole file. It fails with errMissing where there is none, and where it has more than limit bytes.
	get(path string, limit int64) ([]byte, error)
}

// errMissing is a clear answer: there is no such file.
var errMissing = errors.New("it is not there")

// unreachableError says nothing about the log: it could not be looked at.
type unreachableError struct{ cause error }

func (e *unreachableError) Error() string { return e.cause.Error() }
func (e *unreachableError) Unwrap() error { return e.cause }

// folder is a log in files, such as an export.
type folder struct{ root string }

func (f folder) get(path string, limit int64) ([]byte, error) {
	data, err := readFile(filepath.Join(f.root, filepath.FromSlash(path)), limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read %s below %s: %w", path, f.root, errMissing)
	}
	return data, err
}

// readFile reads a file of at most limit bytes. Only regular files: a pipe would be waited for without end.
func readFile(path string, limit int64) ([]byte, error) {
	found, err := os.Stat(path)
	if err != nil {
		return nil, &unreachableError{err}
	}
	if !found.Mode().IsRegular() {
		return nil, &unreachableError{fmt.Errorf("%s is not a file", path)}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, &unreachableError{err}
	}
	defer file.Close()
	return bounded(file, path, limit)
}

// bounded reads to the end, or fails when that is further away than limit bytes.
func bounded(reader io.Reader, what string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(reader, limit+1))
	if err != nil {
		return nil, &unreachableError{fmt.Errorf("cannot read %s to its end: %w", what, err)}
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%s has more than the %d bytes that it may have", what, limit)
	}
	return data, nil
}
