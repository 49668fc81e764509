// No damaged log gets as far as the rebuilt tree while the checks before it work, so it is tested by itself.

package main

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

func grown(t *testing.T, size int64, changed int64) *rebuilt {
	tree := &rebuilt{roots: map[int64]tlog.Hash{}}
	for i := int64(0); i < size; i++ {
		leaf := fmt.Sprint(i)
		if i == changed {
			leaf = "changed"
		}
		if err := tree.add(tlog.RecordHash([]byte(leaf))); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

func TestOnlyTheSameLeavesAreTheTree(t *testing.T) {
	for _, size := range []int64{1, 2, 3, 255, 256, 257, 600} {
		root, err := tlog.TreeHash(size, grown(t, size, -1))
		if err != nil {
			t.Fatal(err)
		}
		signed := tlog.Tree{N: size, Hash: root}
		check := func(tree *rebuilt, expected bool) {
			t.Helper()
			if err := tree.is(signed); (err == nil) != expected {
				t.Errorf("%d leaves for a tree of %d: %v", tree.size, size, err)
			}
		}
		check(grown(t, size, -1), true)
		check(grown(t, size, 0), false)
		check(grown(t, size, size-1), false)
		check(grown(t, size-1, -1), false)
		check(grown(t, size+1, -1), false)
	}
}
