// Tiles and bundles of entries (c2sp.org/tlog-tiles), by the tiles of Go's checksum database.

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// height is that of C2SP's tiles.
	height = 8
	// width is how many hashes, or entries, there are in a full tile.
	width = 1 << height
	// bundles is the level that tlog gives to tiles of entries.
	bundles = -1
	// maxEntry is the longest that an entry can be: its length has two bytes.
	maxEntry = 1<<16 - 1
)

// pathOf is where C2SP has a tile. It leaves out the height, and calls entries what sumdb calls data.
func pathOf(t tlog.Tile) string {
	path := strings.TrimPrefix(t.Path(), fmt.Sprintf("tile/%d/", height))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

// fetch gets a tile that the checkpoint promises, or the full one where the log has dropped the partial one for it.
// It tells which of them it got. Each hash or entry in it takes at most so many bytes.
func fetch(files source, t tlog.Tile, each int64) ([]byte, tlog.Tile, error) {
	data, err := files.get(pathOf(t), each*int64(t.W))
	if !errors.Is(err, errMissing) {
		return data, t, err
	}
	// What is named is the one that was promised.
	missing := fmt.Errorf("%w, but the checkpoint promises it", err)
	if t.W == width {
		return nil, t, missing
	}
	t.W = width
	data, err = files.get(pathOf(t), each*width)
	if errors.Is(err, errMissing) {
		err = missing
	}
	return data, t, err
}

// tiles is the tlog.TileReader of a log. It keeps what it will be asked for again, once that is authenticated.
type tiles struct {
	files source
	kept  map[tlog.Tile][]byte
	// wrong is what was not right with the tiles that were read last.
	wrong error
}

func (r *tiles) Height() int { return height }

func (r *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	read := make([][]byte, len(wanted))
	for i, t := range wanted {
		data, err := r.tile(t)
		if err != nil {
			return nil, err
		}
		read[i] = data
	}
	return read, nil
}

func (r *tiles) tile(t tlog.Tile) ([]byte, error) {
	if data, ok := r.kept[t]; ok {
		return data, nil
	}
	data, got, err := fetch(r.files, t, tlog.HashSize)
	if err != nil {
		return nil, err
	}
	if len(data) != got.W*tlog.HashSize {
		return nil, fmt.Errorf("%s has %d bytes, not %d", pathOf(got), len(data), got.W*tlog.HashSize)
	}
	return data[:t.W*tlog.HashSize], nil
}

// SaveTiles keeps all but full tiles of leaves. Those are nearly the whole log, and each is read once. It is told of
// every tile that was read, and so is where their parents are checked.
func (r *tiles) SaveTiles(read []tlog.Tile, data [][]byte) {
	if r.wrong = underParents(read, data); r.wrong != nil {
		return
	}
	for i, t := range read {
		if t.L > 0 || t.W < width {
			r.kept[t] = data[i]
		}
	}
}

// bundle gets the entries of one tile.
func bundle(files source, t tlog.Tile) ([][]byte, error) {
	data, got, err := fetch(files, t, 2+maxEntry)
	if err != nil {
		return nil, err
	}
	entries, err := split(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pathOf(got), err)
	}
	if len(entries) != got.W {
		return nil, fmt.Errorf("%s has %d entries, not %d", pathOf(got), len(entries), got.W)
	}
	return entries[:t.W], nil
}

// split cuts a bundle into its entries, each of which has its length in front.
func split(data []byte) ([][]byte, error) {
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, fmt.Errorf("the length of entry %d is cut off", len(entries))
		}
		length := int(binary.BigEndian.Uint16(data))
		if data = data[2:]; len(data) < length {
			return nil, fmt.Errorf("entry %d is cut off after %d of %d bytes", len(entries), len(data), length)
		}
		entries = append(entries, data[:length])
		data = data[length:]
	}
	return entries, nil
}
