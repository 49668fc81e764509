// `verify`: the whole log.

package main

import (
	"crypto/sha256"
	"flag"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// verified is the report of a log that holds.
type verified struct {
	OK     bool      `json:"ok"`
	Origin string    `json:"origin"`
	Size   int64     `json:"size"`
	Root   tlog.Hash `json:"root"`
	// Known is the size of the earlier checkpoint, where one was given.
	Known *int64 `json:"known,omitempty"`
}

func verify(args []string) (any, error) {
	var o options
	own := func(flags *flag.FlagSet) {
		o.reach(flags)
		flags.StringVar(&o.known, "known", "", "")
		flags.StringVar(&o.save, "save", "", "")
	}
	given, err := parse(args, &o, own, "URL", "VKEY")
	if err != nil {
		return nil, err
	}
	log, err := o.log(given[0], given[1])
	if err != nil {
		return nil, err
	}
	report := verified{OK: true, Origin: log.signer.origin, Size: log.tree.N, Root: log.tree.Hash}
	if report.Known, err = log.grownFrom(o.known); err != nil {
		return nil, err
	}
	if err := log.each(unique(map[[16]byte]int64{})); err != nil {
		return nil, err
	}
	if o.save != "" {
		return report, keep(o.save, log.checkpoint)
	}
	return report, nil
}

// grownFrom proves that the log begins with the tree of an earlier checkpoint, and gives that tree's size.
func (l *log) grownFrom(path string) (*int64, error) {
	if path == "" {
		return nil, nil
	}
	text, err := readFile(path, maxCheckpoint)
	if err != nil {
		return nil, err
	}
	earlier, err := l.signer.open(text)
	if err != nil {
		return nil, fmt.Errorf("the known checkpoint is not good: %w", err)
	}
	return &earlier.N, consistent(l.tree, earlier, l.hashes)
}

// unique checks that every entry is a record, and that none has the id of one before it. Ids are noted by half a hash,
// which takes less memory: should two of them ever meet by accident, that is an alarm, not a pass.
func unique(seen map[[16]byte]int64) func(int64, []byte) error {
	return func(index int64, entry []byte) error {
		id, err := recordID(entry)
		if err != nil {
			return fmt.Errorf("entry %d is no record: %w", index, err)
		}
		var half [16]byte
		hash := sha256.Sum256([]byte(id))
		copy(half[:], hash[:])
		if first, taken := seen[half]; taken {
			return fmt.Errorf("entries %d and %d have the same record_id %q", first, index, id)
		}
		seen[half] = index
		return nil
	}
}
