// The check of tiles against those above them, which tlog promises and leaves out in part.

package main

import (
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// authentic reads hashes by tlog.TileHashReader, and fails where full tiles are not those that the tiles above name.
//
// Before x/mod 0.40.0, and in Debian 12, the reader checks the tiles that lead to the root, but none of up to two full
// tiles that follow them (CVE-2026-56865): an entry forged together with its tile would pass.
type authentic struct {
	tlog.HashReader
	tiles *tiles
}

func (a *authentic) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	a.tiles.wrong = nil
	hashes, err := a.HashReader.ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	return hashes, a.tiles.wrong
}

// place is where a tile is, however wide.
type place struct {
	level  int
	number int64
}

// underParents checks each full tile against its parent, which must be among them. Partial tiles have no parent: each
// of their hashes goes into the root, and tlog.TileHashReader has compared that.
func underParents(read []tlog.Tile, data [][]byte) error {
	at := map[place]int{}
	for i, t := range read {
		at[place{t.L, t.N}] = i
	}
	for i, t := range read {
		if t.W < width {
			continue
		}
		parent, ok := at[place{t.L + 1, t.N >> height}]
		if !ok {
			return fmt.Errorf("%s was read without the tile above it", pathOf(t))
		}
		if err := under(t, data[i], read[parent], data[parent]); err != nil {
			return err
		}
	}
	return nil
}

func under(t tlog.Tile, data []byte, parent tlog.Tile, above []byte) error {
	named, err := tlog.HashFromTile(parent, above, tlog.StoredHashIndex((t.L+1)*height, t.N))
	if err != nil {
		return err
	}
	hash, err := whole(t, data)
	if err == nil && hash != named {
		err = fmt.Errorf("%s is not the tile that %s names", pathOf(t), pathOf(parent))
	}
	return err
}

// whole is the hash of a full tile: that of its two halves, because tlog tells no hash above them.
func whole(t tlog.Tile, data []byte) (tlog.Hash, error) {
	halves := t.L*height + height - 1
	left, err := tlog.HashFromTile(t, data, tlog.StoredHashIndex(halves, 2*t.N))
	if err != nil {
		return tlog.Hash{}, err
	}
	right, err := tlog.HashFromTile(t, data, tlog.StoredHashIndex(halves, 2*t.N+1))
	return tlog.NodeHash(left, right), err
}
