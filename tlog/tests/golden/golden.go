// Makes the golden vectors with Go's sumdb packages: trees, proofs, tiles, keys and notes by an implementation that is not
// ours. On Debian, with the packages golang-go and golang-golang-x-mod-dev, in this folder:
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run golden.go
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Leaves of the tree: above 65,536, so that there are tiles of level 2.
const leaves = 66000

var stored []tlog.Hash

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

var reader = tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		hashes[i] = stored[index]
	}
	return hashes, nil
})

func grow() {
	for i := int64(0); i < leaves; i++ {
		hashes, err := tlog.StoredHashes(i, []byte(fmt.Sprintf("entry %d", i)), reader)
		must(err)
		stored = append(stored, hashes...)
	}
}

func root(size int64) tlog.Hash {
	hash, err := tlog.TreeHash(size, reader)
	must(err)
	return hash
}

func roots(out *bytes.Buffer) {
	for size := int64(1); size <= 600; size++ {
		fmt.Fprintln(out, size, root(size))
	}
	for _, size := range []int64{1023, 1024, 1025, 5000, 32768, 65279, 65280, 65535, 65536, 65537, 65791, 65792, leaves} {
		fmt.Fprintln(out, size, root(size))
	}
}

var pairs = [][2]int64{
	{1, 0}, {2, 0}, {2, 1}, {3, 2}, {7, 0}, {7, 3}, {7, 6}, {8, 5}, {255, 254}, {256, 0}, {256, 255}, {257, 255}, {257, 256},
	{600, 255}, {600, 256}, {600, 511}, {600, 512}, {600, 599}, {5000, 0}, {5000, 4095}, {5000, 4096}, {5000, 4999},
	{65535, 65279}, {65536, 0}, {65536, 65535}, {65537, 65535}, {65537, 65536}, {leaves, 0}, {leaves, 255}, {leaves, 32768},
	{leaves, 65279}, {leaves, 65535}, {leaves, 65536}, {leaves, 65791}, {leaves, 65999},
}

func line(out *bytes.Buffer, what string, a, b int64, hashes []tlog.Hash) {
	fmt.Fprint(out, what, " ", a, " ", b)
	for _, hash := range hashes {
		fmt.Fprint(out, " ", hash)
	}
	fmt.Fprintln(out)
}

func proofs(out *bytes.Buffer) {
	for _, pair := range pairs {
		size, index := pair[0], pair[1]
		inclusion, err := tlog.ProveRecord(size, index, reader)
		must(err)
		line(out, "inclusion", size, index, inclusion)
		consistency, err := tlog.ProveTree(size, index+1, reader)
		must(err)
		line(out, "consistency", size, index+1, consistency)
	}
}

// The tiles of the whole tree: the path as C2SP writes it, without the height, and SHA-256 of the tile.
func tiles(out *bytes.Buffer) {
	for _, tile := range tlog.NewTiles(8, 0, leaves) {
		last := tlog.NewTiles(8, leaves-1, leaves)
		full := tile.W == 256
		for _, partial := range last {
			full = full || partial == tile
		}
		if !full {
			continue
		}
		data, err := tlog.ReadTileData(tile, reader)
		must(err)
		sum := sha256.Sum256(data)
		fmt.Fprintln(out, strings.Replace(tile.Path(), "tile/8/", "tile/", 1), hex.EncodeToString(sum[:]))
	}
	for _, index := range []int64{0, 1, 999, 1000, 1001, 999999, 1000000, 1234067, 123456789, 1<<55 - 1} {
		for _, tile := range []tlog.Tile{{H: 8, L: 0, N: index, W: 256}, {H: 8, L: 3, N: index, W: 7}} {
			fmt.Fprintln(out, strings.Replace(tile.Path(), "tile/8/", "tile/", 1), "-")
		}
	}
}

// A reader of random bytes that are all the same: the seed of a key.
type seed byte

func (s seed) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

func key(name string, s seed) (note.Signer, string, string) {
	skey, vkey, err := note.GenerateKey(s, name)
	must(err)
	signer, err := note.NewSigner(skey)
	must(err)
	return signer, skey, vkey
}

// A cosignature of c2sp.org/tlog-cosignature, which sumdb does not have, out of Go's Ed25519.
type cosigner struct {
	name string
	hash uint32
	priv ed25519.PrivateKey
	time uint64
}

func newCosigner(name string, s seed, time uint64) (*cosigner, string) {
	seed := make([]byte, ed25519.SeedSize)
	s.Read(seed)
	priv := ed25519.NewKeyFromSeed(seed)
	public := append([]byte{4}, priv.Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte(name+"\n"), public...))
	hash := binary.BigEndian.Uint32(sum[:])
	vkey := fmt.Sprintf("%s+%08x+%s", name, hash, base64.StdEncoding.EncodeToString(public))
	return &cosigner{name, hash, priv, time}, vkey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Sign(msg []byte) ([]byte, error) {
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", c.time, msg)
	return append(binary.BigEndian.AppendUint64(nil, c.time), ed25519.Sign(c.priv, []byte(signed))...), nil
}

func sign(text string, signers ...note.Signer) []byte {
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	must(err)
	return signed
}

func write(name string, data []byte) { must(os.WriteFile(name, data, 0o644)) }

func main() {
	grow()
	for name, fill := range map[string]func(*bytes.Buffer){"roots.txt": roots, "proofs.txt": proofs, "tiles.txt": tiles} {
		var out bytes.Buffer
		fill(&out)
		write(name, out.Bytes())
	}
	logSigner, logSkey, logVkey := key("example.com/log", 1)
	other, otherSkey, otherVkey := key("例え.example/ключ", 2)
	first, firstVkey := newCosigner("witness.example/w1", 3, 1679315147)
	second, secondVkey := newCosigner("witness.example/w2", 4, 1<<63-1)
	write("keys.txt", []byte(strings.Join([]string{
		"1 " + logSkey + " " + logVkey, "2 " + otherSkey + " " + otherVkey, "3 - " + firstVkey, "4 - " + secondVkey, "",
	}, "\n")))
	write("plain.note", sign("A text.\n\nAnother line: 日本語, +, —.\n", logSigner, other))
	text := func(size int64) string { return fmt.Sprintf("example.com/log\n%d\n%s\n", size, root(size)) }
	write("checkpoint.note", sign(text(600), logSigner))
	cosigned := sign(text(leaves), logSigner, other, first, second)
	write("cosigned.note", cosigned)

	var request, receipt bytes.Buffer
	consistency, err := tlog.ProveTree(leaves, 600, reader)
	must(err)
	fmt.Fprintln(&request, "old 600")
	for _, hash := range consistency {
		fmt.Fprintln(&request, hash)
	}
	fmt.Fprintf(&request, "\n%s", sign(text(leaves), logSigner))
	write("add-checkpoint.txt", request.Bytes())

	inclusion, err := tlog.ProveRecord(leaves, 4242, reader)
	must(err)
	fmt.Fprintf(&receipt, "c2sp.org/tlog-proof@v1\nextra %s\nindex 4242\n", base64.StdEncoding.EncodeToString([]byte("extra data")))
	for _, hash := range inclusion {
		fmt.Fprintln(&receipt, hash)
	}
	fmt.Fprintf(&receipt, "\n%s", cosigned)
	write("entry-4242.tlog-proof", receipt.Bytes())
}
