// What the command line says: which log, which key, and how to get at it.

package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// patience is how long a request may take, its body included, unless the command line says otherwise.
const patience = time.Minute

// maxToken bounds the file of a token, in bytes.
const maxToken = 64 << 10

// options are the flags of every verb; each verb sets up those that it takes.
type options struct {
	root, token, origin, known, save string
	timeout                          time.Duration
}

// parse reads the flags that add sets up, and as many further arguments as names has.
func parse(args []string, o *options, add func(*flag.FlagSet), names ...string) ([]string, error) {
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.origin, "origin", "", "")
	add(flags)
	if err := flags.Parse(args); err == flag.ErrHelp {
		return nil, err
	} else if err != nil {
		return nil, fmt.Errorf("%w: %v", errUsage, err)
	}
	if o.root != "" {
		// The folder stands for the URL.
		names = names[1:]
	}
	if flags.NArg() != len(names) {
		return nil, fmt.Errorf("%w: give %s after the options, and nothing else", errUsage, strings.Join(names, " "))
	}
	if o.root != "" {
		return append([]string{""}, flags.Args()...), nil
	}
	return flags.Args(), nil
}

// reach sets up the flags that say how to get at a log.
func (o *options) reach(flags *flag.FlagSet) {
	flags.StringVar(&o.root, "root", "", "")
	flags.StringVar(&o.token, "token", "", "")
	flags.DurationVar(&o.timeout, "timeout", patience, "")
}

// log gets at the log below a URL or the folder, whose checkpoints the key signs.
func (o *options) log(address, key string) (*log, error) {
	signer, err := o.signer(key)
	if err != nil {
		return nil, err
	}
	files, err := o.source(address)
	if err != nil {
		return nil, err
	}
	return open(files, signer)
}

func (o *options) source(address string) (source, error) {
	if o.root != "" {
		return folder{o.root}, nil
	}
	token, err := o.readToken()
	if err != nil {
		return nil, err
	}
	return newSite(address, token, o.timeout)
}

// readToken takes the token from a file where asked to: whoever lists the processes reads a command line.
func (o *options) readToken() (string, error) {
	path := strings.TrimPrefix(o.token, "@")
	if path == o.token {
		return o.token, nil
	}
	text, err := readFile(path, maxToken)
	return strings.TrimSpace(string(text)), err
}

func (o *options) signer(key string) (*signer, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("%w: the verifier key is not one of an Ed25519 key: %v", errUsage, err)
	}
	origin := o.origin
	if origin == "" {
		origin = verifier.Name()
	}
	return &signer{note.VerifierList(verifier), origin}, nil
}

// keep writes the checkpoint so that a crash leaves the old file or the new one, never a half.
func keep(path string, checkpoint []byte) error {
	if err := replace(path, checkpoint); err != nil {
		return &unreachableError{fmt.Errorf("the log is well, but its checkpoint cannot be kept: %w", err)}
	}
	return nil
}

func replace(path string, data []byte) error {
	half, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = half.Write(data)
	if err == nil {
		err = half.Sync()
	}
	if closed := half.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
