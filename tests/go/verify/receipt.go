// `receipt`: an offline proof (c2sp.org/tlog-proof@v1) that a log holds an entry. The log's own signature is verified;
// those of witnesses are not, because no witness's key is given.

package main

import (
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// proofHeader is the first line of a receipt.
	proofHeader = "c2sp.org/tlog-proof@v1"
	// maxReceipt is room for the largest checkpoint, a whole proof, and extra data, in bytes.
	maxReceipt = 2 * maxCheckpoint
	// maxProof is the longest that a proof can be, in hashes.
	maxProof = 63
)

// offline is what a receipt says.
type offline struct {
	index      int64
	proof      tlog.RecordProof
	checkpoint []byte
}

func receipt(args []string) (any, error) {
	var o options
	given, err := parse(args, &o, func(*flag.FlagSet) {}, "FILE", "VKEY", "ENTRYFILE")
	if err != nil {
		return nil, err
	}
	signer, err := o.signer(given[1])
	if err != nil {
		return nil, err
	}
	text, err := readFile(given[0], maxReceipt)
	if err != nil {
		return nil, err
	}
	entry, err := readFile(given[2], maxEntry)
	if err != nil {
		return nil, err
	}
	read, err := parseReceipt(string(text))
	if err != nil {
		return nil, fmt.Errorf("the receipt cannot be read: %w", err)
	}
	return read.check(signer, entry)
}

// check verifies the checkpoint, and that the entry is at the index in its tree.
func (r *offline) check(signer *signer, entry []byte) (any, error) {
	tree, err := signer.open(r.checkpoint)
	if err != nil {
		return nil, fmt.Errorf("the receipt's checkpoint is not good: %w", err)
	}
	leaf := tlog.RecordHash(entry)
	if err := tlog.CheckRecord(r.proof, tree.N, tree.Hash, r.index, leaf); err != nil {
		return nil, fmt.Errorf("the receipt does not hold for these %d bytes: %w", len(entry), err)
	}
	return proved{true, signer.origin, tree.N, tree.Hash, r.index, leaf, r.proof}, nil
}

// parseReceipt reads the header, the extra data if there is any, the index, the proof, and the checkpoint.
func parseReceipt(text string) (*offline, error) {
	head, checkpoint, ok := strings.Cut(text, "\n\n")
	if !ok {
		return nil, errors.New("no empty line comes before a checkpoint")
	}
	lines := strings.Split(head, "\n")
	if lines[0] != proofHeader {
		return nil, fmt.Errorf("it does not begin with %s", proofHeader)
	}
	lines, err := withoutExtra(lines[1:])
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return nil, errors.New("it has no line with an index where one belongs")
	}
	index, err := position(strings.TrimPrefix(lines[0], "index "))
	if err != nil {
		return nil, err
	}
	proof, err := hashes(lines[1:])
	return &offline{index, proof, []byte(checkpoint)}, err
}

// withoutExtra passes over extra data. Nobody vouches for it, so it is not told either.
func withoutExtra(lines []string) ([]string, error) {
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "extra ") {
		return lines, nil
	}
	if _, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(lines[0], "extra ")); err != nil {
		return nil, fmt.Errorf("its extra data cannot be read: %w", err)
	}
	return lines[1:], nil
}

func hashes(lines []string) (tlog.RecordProof, error) {
	if len(lines) > maxProof {
		return nil, fmt.Errorf("its proof has %d hashes: no proof has more than %d", len(lines), maxProof)
	}
	proof := tlog.RecordProof{}
	for i, line := range lines {
		hash, err := tlog.ParseHash(line)
		if err != nil || hash.String() != line {
			return nil, fmt.Errorf("hash %d of its proof cannot be read", i)
		}
		proof = append(proof, hash)
	}
	return proof, nil
}
