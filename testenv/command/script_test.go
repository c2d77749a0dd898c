// Package command has the tests of the command line: scripts that run the built
// command as an operator does.
package command

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"wildcard-egress/testenv/built"
)

// status checks a command's exit status: "status 1 wildcard-egress lint p".
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N command...")
	}
	want := args[0]
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = err.Error()
	}
	if got != want && got != "exit status "+want {
		ts.Fatalf("%v: got %s, want status %s", args[1:], got, want)
	}
}

// UPDATE=1 writes the expected texts into the scripts.
func TestCommands(t *testing.T) {
	build, err := built.Dir()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"status": status},
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", build+string(os.PathListSeparator)+e.Getenv("PATH"))
			return nil
		},
	})
}
