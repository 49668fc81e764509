// What every entry of an audit log is: a JSON object with an id of its own.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// recordID gives the entry's `record_id`. Names are compared as they are: json.Unmarshal would take `Record_ID` too,
// and the last of two.
func recordID(entry []byte) (string, error) {
	if !utf8.Valid(entry) {
		return "", errors.New("it is not UTF-8")
	}
	fields, err := object(entry)
	if err != nil {
		return "", err
	}
	value, ok := fields["record_id"]
	if !ok {
		return "", errors.New("it has no record_id")
	}
	var id string
	if err := json.Unmarshal(value, &id); err != nil || id == "" || string(value) == "null" {
		return "", errors.New("its record_id is not a text, or empty")
	}
	return id, nil
}

// object reads exactly one JSON object whose names are all different.
func object(text []byte) (map[string]json.RawMessage, error) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, errors.New("it is not a JSON object")
	}
	fields := map[string]json.RawMessage{}
	for decoder.More() {
		name, value, err := field(decoder)
		if err != nil {
			return nil, fmt.Errorf("it is not JSON: %w", err)
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("its field %q stands twice", name)
		}
		fields[name] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("something follows its JSON object")
	}
	return fields, nil
}

func field(decoder *json.Decoder) (string, json.RawMessage, error) {
	token, err := decoder.Token()
	if err != nil {
		return "", nil, err
	}
	name, ok := token.(string)
	if !ok {
		return "", nil, errors.New("a field has no name")
	}
	var value json.RawMessage
	err = decoder.Decode(&value)
	return name, value, err
}
