// The tree that the entries alone make, without any tile.

package main

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// rebuilt is a tree that grows by one leaf after the other. It keeps only the roots of the complete subtrees that it
// consists of, by the index that tlog stores them at: no more than there are bits in its size.
type rebuilt struct {
	size  int64
	roots map[int64]tlog.Hash
}

// ReadHashes makes it the tlog.HashReader that tlog grows a tree by.
func (r *rebuilt) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hash, ok := r.roots[index]
		if !ok {
			return nil, fmt.Errorf("a tree of %d entries has no complete subtree at %d", r.size, index)
		}
		hashes[i] = hash
	}
	return hashes, nil
}

// add appends a leaf. The subtrees that it completes take in those to the left of it.
func (r *rebuilt) add(leaf tlog.Hash) error {
	hashes, err := tlog.StoredHashesForRecordHash(r.size, leaf, r)
	if err != nil {
		return err
	}
	top := len(hashes) - 1
	for level := 0; level < top; level++ {
		delete(r.roots, tlog.StoredHashIndex(level, r.size>>level-1))
	}
	r.roots[tlog.StoredHashIndex(top, r.size>>top)] = hashes[top]
	r.size++
	return nil
}

// is fails unless this is the tree of the checkpoint.
func (r *rebuilt) is(signed tlog.Tree) error {
	root, err := emptyRoot(), error(nil)
	if r.size > 0 {
		root, err = tlog.TreeHash(r.size, r)
	}
	if err == nil && (r.size != signed.N || root != signed.Hash) {
		err = fmt.Errorf("the %d entries make the root %v, not %v of %d", r.size, root, signed.Hash, signed.N)
	}
	return err
}
