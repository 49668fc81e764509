// Verify checks an audit log that is served, or kept in a folder, as C2SP tlog-tiles. It shares no code with the
// service that writes the log: signatures, hashes and proofs are those of Go's checksum database,
// golang.org/x/mod/sumdb/{note,tlog}. With Debian's packages golang-go and golang-golang-x-mod-dev it is built by
//
//	GO111MODULE=off GOPATH=/usr/share/gocode CGO_ENABLED=0 go build -o verify .
//
// One line of JSON on stdout tells the outcome. Exit status: 0 it holds, 1 it does not, 2 it could not be looked at.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

const usage = `usage:
  verify  [options] (URL | -root DIR) VKEY          every entry, every tile, and growth since an earlier checkpoint
  prove   [options] (URL | -root DIR) VKEY INDEX    one entry is in the tree
  receipt [-origin NAME] FILE VKEY ENTRYFILE        a c2sp.org/tlog-proof@v1 receipt holds for the entry's bytes

VKEY is the log's verifier key, as the signed-note specification writes it. Options:
  -root DIR      read a folder of the same layout instead of a URL
  -token T       send "Authorization: Bearer T"; @FILE reads T from a file
  -origin NAME   the origin that checkpoints must have; without it, the key's name
  -timeout D     give up on a request after this long, such as 30s (1m0s)
  -known FILE    verify: an earlier checkpoint of this log, which must be a beginning of it
  -save FILE     verify: keep the checkpoint here if all is well
`

// errUsage asks for what the program cannot do; the text goes on with what was wrong.
var errUsage = errors.New("usage")

// failure is the report of what does not hold, or could not be looked at.
type failure struct {
	OK    bool   `json:"ok"`
	Error string `json:"error"`
}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run does what the arguments say, and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	report, err := dispatch(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stderr, usage)
		return 2
	}
	if err != nil {
		report = failure{Error: err.Error()}
	}
	lines := json.NewEncoder(stdout)
	lines.SetEscapeHTML(false)
	if failed := lines.Encode(report); failed != nil {
		fmt.Fprintln(stderr, "cannot print the report:", failed)
		return 2
	}
	return status(err)
}

func status(err error) int {
	var unreachable *unreachableError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &unreachable), errors.Is(err, errUsage):
		return 2
	default:
		return 1
	}
}

func dispatch(args []string) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: name a verb: verify, prove or receipt; -h tells more", errUsage)
	}
	switch args[0] {
	case "verify":
		return verify(args[1:])
	case "prove":
		return prove(args[1:])
	case "receipt":
		return receipt(args[1:])
	case "-h", "-help", "--help":
		return nil, flag.ErrHelp
	default:
		return nil, fmt.Errorf("%w: there is no verb %q: use verify, prove or receipt", errUsage, args[0])
	}
}
