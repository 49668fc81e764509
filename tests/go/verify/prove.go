// `prove`: one entry is in the tree.

package main

import (
	"fmt"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"
)

// proved is the report of an entry that is in the tree.
type proved struct {
	OK     bool      `json:"ok"`
	Origin string    `json:"origin"`
	Size   int64     `json:"size"`
	Root   tlog.Hash `json:"root"`
	Index  int64     `json:"index"`
	Leaf   tlog.Hash `json:"leaf"`
	// Proof is the audit path of RFC 6962, section 2.1.1, from the leaf's sibling upwards.
	Proof tlog.RecordProof `json:"proof"`
}

func prove(args []string) (any, error) {
	var o options
	given, err := parse(args, &o, o.reach, "URL", "VKEY", "INDEX")
	if err != nil {
		return nil, err
	}
	index, err := position(given[2])
	if err != nil {
		return nil, fmt.Errorf("%w: %v", errUsage, err)
	}
	log, err := o.log(given[0], given[1])
	if err != nil {
		return nil, err
	}
	if index >= log.tree.N {
		return nil, fmt.Errorf("there is no entry %d: the log has %d", index, log.tree.N)
	}
	return log.prove(index)
}

func (l *log) prove(index int64) (any, error) {
	proof, err := tlog.ProveRecord(l.tree.N, index, l.hashes)
	if err != nil {
		return nil, fmt.Errorf("the tiles above entry %d: %w", index, err)
	}
	t := l.tileOf(index)
	entries, err := bundle(l.files, t)
	if err != nil {
		return nil, err
	}
	leaf := tlog.RecordHash(entries[index-t.N*width])
	if err := tlog.CheckRecord(proof, l.tree.N, l.tree.Hash, index, leaf); err != nil {
		return nil, fmt.Errorf("entry %d is not the one in the tree: %w", index, err)
	}
	return proved{true, l.signer.origin, l.tree.N, l.tree.Hash, index, leaf, proof}, nil
}

// position reads the index of an entry as the specifications write it: decimal, without leading zeros.
func position(text string) (int64, error) {
	index, err := strconv.ParseInt(text, 10, 64)
	if err != nil || index < 0 || strconv.FormatInt(index, 10) != text {
		return 0, fmt.Errorf("%q is not the index of an entry", text)
	}
	return index, nil
}
