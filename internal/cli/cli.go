// Package cli is the command line: one file for each command, and nothing that
// a test cannot call. Run is the whole program but for the process around it.
//
// Exit codes are the same for every command: 0 done, 1 something was found or
// a promise is broken, 2 the command could not run. Results go to standard
// output, everything else to standard error. An error ends with the next step.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// Stdio is where a command reads and writes, and the clock it goes by.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
	Now      func() time.Time // nil is the system's
}

// Exit codes.
const (
	done   = 0
	found  = 1
	failed = 2
)

// A command is one word after "temoin".
type command struct {
	name  string
	args  string // after the name, for the usage line
	short string // one line
	run   func(ctx context.Context, c *call) int
}

var commands = []command{
	demoCommand,
	checkCommand,
	diffCommand,
	schemaCommand,
}

// A call is one command being run.
type call struct {
	Stdio
	command command
	flags   *flag.FlagSet
	args    []string
}

// Run runs the command that args name and returns the exit code.
func Run(ctx context.Context, args []string, std Stdio) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(std.Out)
		return done
	}
	for _, c := range commands {
		if c.name == args[0] {
			return c.run(ctx, newCall(c, args[1:], std))
		}
	}
	fmt.Fprintf(std.Err, "temoin: there is no command %q\nRun \"temoin help\" for the list.\n", args[0])
	return failed
}

func newCall(c command, args []string, std Stdio) *call {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	if std.Now == nil {
		std.Now = time.Now
	}
	return &call{Stdio: std, command: c, flags: flags, args: args}
}

// parse reads the flags, which may stand before, between and after the
// arguments. It returns false, and the exit code, when the command is over.
func (c *call) parse() (code int, ok bool) {
	var rest []string
	args := c.args
	for {
		if err := c.flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				c.help(c.Out)
				return done, false
			}
			return c.fail("%v", err), false
		}
		args = c.flags.Args()
		if len(args) == 0 {
			c.args = rest
			return 0, true
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// fail says why the command cannot run, and where to read more.
func (c *call) fail(format string, args ...any) int {
	fmt.Fprintf(c.Err, "temoin %s: %s\n", c.command.name, fmt.Sprintf(format, args...))
	fmt.Fprintf(c.Err, "Run \"temoin %s -h\" for help.\n", c.command.name)
	return failed
}

// isTerminal reports whether someone reads along who may like color.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// version is that of the module the binary was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

func (c *call) help(w io.Writer) {
	fmt.Fprintf(w, "Usage: temoin %s\n\n%s\n", strings.TrimSpace(c.command.name+" "+c.command.args), c.command.short)
	c.flags.VisitAll(func(f *flag.Flag) {
		kind, use := flag.UnquoteUsage(f)
		fmt.Fprintf(w, "\n  --%s %s\n      %s\n", f.Name, kind, use)
	})
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Témoin turns a cookie policy into code that keeps its promises.\n\nUsage: temoin COMMAND [arguments]\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.short)
	}
	fmt.Fprint(w, "\nRun \"temoin COMMAND -h\" for one of them.\n")
}
