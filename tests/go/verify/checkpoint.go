// Checkpoints (c2sp.org/tlog-checkpoint): signed notes that say how large the tree is and what its root is.

package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	// maxCheckpoint is room for a hundred signatures, the largest ones in use included, in bytes.
	maxCheckpoint = 1 << 20
	// maxSize is the largest tree that is looked at. The tree arithmetic of tlog overflows above 2^62.
	maxSize = int64(1) << 48
	// sumdbOrigin is the only origin that tlog.ParseTree takes: that of Go's own log.
	sumdbOrigin = "go.sum database tree\n"
)

// signer is whose checkpoints are believed, and the origin that they must have.
type signer struct {
	keys   note.Verifiers
	origin string
}

// open verifies a checkpoint's signature, its form and its origin.
func (s *signer) open(checkpoint []byte) (tlog.Tree, error) {
	opened, err := note.Open(checkpoint, s.keys)
	var unsigned *note.UnverifiedNoteError
	if errors.As(err, &unsigned) {
		return tlog.Tree{}, fmt.Errorf("%w by the given key: is it the log's?", err)
	}
	if err != nil {
		return tlog.Tree{}, err
	}
	origin, rest, _ := strings.Cut(opened.Text, "\n")
	if origin != s.origin {
		return tlog.Tree{}, fmt.Errorf("its origin is %q, not %q", origin, s.origin)
	}
	return tree(rest)
}

// tree reads what follows the origin: the size, the root, and extensions, which mean nothing to us.
func tree(text string) (tlog.Tree, error) {
	found, err := tlog.ParseTree([]byte(sumdbOrigin + text))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("size and root cannot be read: %w", err)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	// Base64 has more than one way to write most roots. Only one is right.
	if lines[1] != found.Hash.String() {
		return tlog.Tree{}, errors.New("its root is not in canonical base64")
	}
	for _, line := range lines {
		if line == "" {
			return tlog.Tree{}, errors.New("it has an empty line")
		}
	}
	return credible(found)
}

func credible(found tlog.Tree) (tlog.Tree, error) {
	if found.N > maxSize {
		return tlog.Tree{}, fmt.Errorf("its size %d is more than any log's", found.N)
	}
	if found.N == 0 && found.Hash != emptyRoot() {
		return tlog.Tree{}, errors.New("its tree is empty, but the root is not that of an empty tree")
	}
	return found, nil
}

// emptyRoot is the root of an empty tree, RFC 6962 section 2.1. Older versions of tlog have 32 zeros there.
func emptyRoot() tlog.Hash { return sha256.Sum256(nil) }

// consistent proves that an earlier tree is a beginning of a later one, whose hashes the reader gives.
func consistent(later, earlier tlog.Tree, hashes tlog.HashReader) error {
	switch {
	case earlier.N > later.N:
		return fmt.Errorf("the log has shrunk: it had %d entries, now it shows %d", earlier.N, later.N)
	case earlier.N == later.N && earlier.Hash != later.Hash:
		return fmt.Errorf("the log is forked: it signed the roots %v and %v for %d entries", earlier.Hash, later.Hash, later.N)
	case earlier.N == 0:
		// Every tree begins with the empty one; there is no proof of that.
		return nil
	}
	proof, err := tlog.ProveTree(later.N, earlier.N, hashes)
	if err != nil {
		return fmt.Errorf("growth from %d to %d entries cannot be proved: %w", earlier.N, later.N, err)
	}
	if err := tlog.CheckTree(proof, later.N, later.Hash, earlier.N, earlier.Hash); err != nil {
		return fmt.Errorf("the log is forked: its tree of %d does not begin with its tree of %d: %w", later.N, earlier.N, err)
	}
	return nil
}
