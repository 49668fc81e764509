// A log with a checkpoint that has been verified, and what can be asked of it.

package main

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// log is a log as it was when its checkpoint was fetched.
type log struct {
	files      source
	signer     *signer
	checkpoint []byte
	tree       tlog.Tree
	hashes     tlog.HashReader
}

// open fetches the checkpoint and verifies it.
func open(files source, signer *signer) (*log, error) {
	checkpoint, err := files.get("checkpoint", maxCheckpoint)
	if err != nil {
		return nil, missingIsUnreachable(err)
	}
	tree, err := signer.open(checkpoint)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint is not good: %w", err)
	}
	reader := &tiles{files: files, kept: map[tlog.Tile][]byte{}}
	hashes := &authentic{tlog.TileHashReader(tree, reader), reader}
	return &log{files, signer, checkpoint, tree, hashes}, nil
}

// tileOf is the tile of entries that an index lies in, as wide as this tree has it.
func (l *log) tileOf(index int64) tlog.Tile {
	t := tlog.Tile{H: height, L: bundles, N: index / width, W: width}
	if left := l.tree.N - t.N*width; left < width {
		t.W = int(left)
	}
	return t
}

// each gives every entry to see, in order, once its hash is known to be the one in the tree. In the end all of them
// must make the very tree of the checkpoint, so that nothing hangs on how tiles are read.
func (l *log) each(see func(index int64, entry []byte) error) error {
	own := &rebuilt{roots: map[int64]tlog.Hash{}}
	for start := int64(0); start < l.tree.N; start += width {
		entries, err := l.entries(l.tileOf(start))
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if err := see(start+int64(i), entry); err != nil {
				return err
			}
			if err := own.add(tlog.RecordHash(entry)); err != nil {
				return err
			}
		}
	}
	return own.is(l.tree)
}

// entries gives a bundle's entries, each with the hash that the tree has at its index.
func (l *log) entries(t tlog.Tile) ([][]byte, error) {
	leaves, err := l.leaves(t)
	if err != nil {
		return nil, err
	}
	entries, err := bundle(l.files, t)
	if err != nil {
		return nil, err
	}
	for i, entry := range entries {
		if hash := tlog.RecordHash(entry); hash != leaves[i] {
			return nil, fmt.Errorf("entry %d has the hash %v, but the tree has %v", t.N*width+int64(i), hash, leaves[i])
		}
	}
	return entries, nil
}

// leaves gives the hashes of a bundle's entries, proved to be in the tree.
func (l *log) leaves(t tlog.Tile) ([]tlog.Hash, error) {
	first := t.N * width
	places := make([]int64, t.W)
	for i := range places {
		places[i] = tlog.StoredHashIndex(0, first+int64(i))
	}
	leaves, err := l.hashes.ReadHashes(places)
	if err != nil {
		return nil, fmt.Errorf("the tiles above entries %d to %d: %w", first, first+int64(t.W)-1, err)
	}
	return leaves, nil
}
