// Package cli is the command line: one file for each command, and nothing that
// a test cannot call. Run is the whole program but for the process around it.
//
// Exit codes are the same for every command: 0 done, 1 something was found or
// a promise is broken, 2 the command could not run. Results go to standard
// output, everything else to standard error. An error ends with the next step.
//
// Ctrl-C and SIGTERM end a command at once, as they end any program (a shell
// sees 130 and 143): see TestASignalEndsACheckAtWork. What must not be left half
// done, such as a file, is finished or taken back first (hold). A command that
// watches its context, as the demo does, ends in order instead, and a second
// signal ends that too. A reader that goes away (temoin … | head) ends a command
// without a word: the runtime sees to it.
package cli

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/temoin/temoin/policy"
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
	name    string
	args    string // after the name, for the usage line
	short   string // one line
	long    string // what else its help says
	watches bool   // it ends in order when its context does, which a signal ends
	run     func(ctx context.Context, c *call) int
}

var commands = []command{
	demoCommand,
	serveCommand,
	activateCommand,
	checkCommand,
	explainCommand,
	diffCommand,
	documentCommand,
	verifyCommand,
	exportCommand,
	eraseCommand,
	purgeCommand,
	backupCommand,
	restoreCommand,
	keysCommand,
	grantCommand,
	rewriteCommand,
	schemaCommand,
	versionCommand,
}

// A call is one command being run.
type call struct {
	Stdio
	command command
	flags   *flag.FlagSet
	args    []string
}

// Run runs the command that args name and returns the exit code. The context
// ends a command that watches it.
func Run(ctx context.Context, args []string, std Stdio) int {
	if len(args) == 0 {
		args = []string{"help"}
	}
	switch args[0] {
	case "help", "-h", "--help":
		return help(ctx, args[1:], std)
	case "-version", "--version":
		args = append([]string{versionCommand.name}, args[1:]...)
	}
	return runCommand(ctx, args[0], args[1:], std)
}

// help is about one command, or lists them.
func help(ctx context.Context, args []string, std Stdio) int {
	c := newCall(command{name: "help"}, nil, std)
	switch {
	case len(args) == 0 || args[0] == "help" || strings.HasPrefix(args[0], "-"):
		return c.written(usage(std.Out))
	case len(args) > 1:
		return c.fail("it is about one command: temoin help COMMAND")
	}
	return runCommand(ctx, args[0], []string{"-h"}, std)
}

// runCommand leaves signals to the system, unless the command watches its context.
func runCommand(ctx context.Context, name string, args []string, std Stdio) int {
	i := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	if i < 0 {
		var all []string
		for _, c := range commands {
			all = append(all, c.name)
		}
		hint := ""
		if near := policy.Nearest(name, all); near != "" {
			hint = fmt.Sprintf(" (did you mean %q?)", near)
		}
		fmt.Fprintf(std.Err, "temoin: there is no command %q%s\nRun \"temoin help\" for the list.\n", name, hint)
		return failed
	}
	if !commands[i].watches {
		debug.SetGCPercent(800) // a command that soon ends need not tidy up
	}
	if commands[i].watches {
		var stop func()
		ctx, stop = untilSignal(ctx)
		defer stop()
	}
	return commands[i].run(ctx, newCall(commands[i], args, std))
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
// arguments; behind "--" stand arguments only. It returns false, and the exit
// code, when the command is over.
func (c *call) parse() (code int, ok bool) {
	var rest []string
	for args := c.args; len(args) > 0; {
		if args[0] == "--" {
			rest = append(rest, args[1:]...)
			break
		}
		n := c.flagAt(args)
		if n == 0 {
			rest, args = append(rest, args[0]), args[1:]
			continue
		}
		if err := c.flags.Parse(args[:n]); errors.Is(err, flag.ErrHelp) {
			return c.written(c.help(c.Out)), false
		} else if err != nil {
			return c.fail("%s", c.misread(args[0], err)), false
		}
		args = args[n:]
	}
	c.args = rest
	var empty string
	c.flags.Visit(func(f *flag.Flag) {
		if slices.Contains(values(f), "") {
			empty = f.Name
		}
	})
	if empty != "" {
		return c.fail("--%s is empty: write a value after it, or leave it out", empty), false
	}
	return 0, true
}

// misread says what is wrong with a flag, and what to write.
func (c *call) misread(arg string, err error) string {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	f := c.flags.Lookup(name)
	if f == nil {
		var all []string
		c.flags.VisitAll(func(f *flag.Flag) { all = append(all, f.Name) })
		if near := policy.Nearest(name, all); near != "" {
			return fmt.Sprintf("there is no flag --%s (did you mean --%s?)", name, near)
		}
		return fmt.Sprintf("there is no flag --%s", name)
	}
	if strings.HasPrefix(err.Error(), "flag needs an argument") {
		kind, _ := flag.UnquoteUsage(f)
		return fmt.Sprintf("--%s needs a value after it: %s", name, kind)
	}
	if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
		return fmt.Sprintf("--%s stands alone, without a value", name)
	}
	if get, ok := f.Value.(flag.Getter); ok {
		switch get.Get().(type) {
		case time.Duration:
			return fmt.Sprintf("--%s is a time: write it with its unit, such as 30s, 5m or 2h", name)
		case int, int64:
			return fmt.Sprintf("--%s is a whole number", name)
		case float64:
			return fmt.Sprintf("--%s is a number", name)
		}
	}
	return err.Error()
}

// names are the value of a flag that can be given more than once.
type names []string

func (n *names) String() string         { return strings.Join(*n, ", ") }
func (n *names) Set(value string) error { *n = append(*n, value); return nil }

// values are those that a flag was given.
func values(f *flag.Flag) []string {
	if n, ok := f.Value.(*names); ok {
		return *n
	}
	return []string{f.Value.String()}
}

// flagAt returns how many of the arguments the flag that they begin with takes
// up: 0 if it is none. What is wrong with a flag is for the flag package to say.
func (c *call) flagAt(args []string) int {
	name, ok := strings.CutPrefix(args[0], "-")
	if !ok || name == "" {
		return 0
	}
	f := c.flags.Lookup(strings.TrimPrefix(name, "-"))
	if f == nil {
		return 1 // unknown, or --name=value
	}
	if b, ok := f.Value.(interface{ IsBoolFlag() bool }); ok && b.IsBoolFlag() {
		return 1
	}
	return min(2, len(args))
}

// fail says why the command cannot run, and where to read more. Names of files
// and values of flags are in the message: nothing in it may steer a terminal.
func (c *call) fail(format string, args ...any) int {
	return c.cannot(policy.Visible(fmt.Sprintf(format, args...)))
}

// failLines is fail for an error that may have several lines.
func (c *call) failLines(what string, err error) int {
	return c.cannot(what + visibleLines(err.Error()))
}

// broke says why a command that was written rightly has failed: its help would not
// help.
func (c *call) broke(what string, err error) int {
	fmt.Fprintf(c.Err, "temoin %s: %s%s\n", c.command.name, what, visibleLines(err.Error()))
	return failed
}

func (c *call) cannot(why string) int {
	fmt.Fprintf(c.Err, "temoin %s: %s\n", c.command.name, why)
	fmt.Fprintf(c.Err, "Run \"temoin %s -h\" for help.\n", c.command.name)
	return failed
}

// visibleLines is policy.Visible of each line of an error that may have several. Those
// after the first are set off, so that none of them looks like another message.
func visibleLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		lines[i] = policy.Visible(line)
	}
	return strings.Join(lines, "\n  ")
}

// written returns the exit code for the error of writing a result.
func (c *call) written(err error) int {
	if err != nil {
		return c.fail("writing the result: %v", unwritable(err))
	}
	return done
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

var versionCommand = command{
	name:  "version",
	short: "Print the version of temoin, and what it was built with.",
	run: func(_ context.Context, c *call) int {
		if code, ok := c.parse(); !ok {
			return code
		}
		if len(c.args) > 0 {
			return c.fail("it takes no arguments")
		}
		_, err := fmt.Fprintf(c.Out, "temoin %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return c.written(err)
	},
}

// version is that of the module the binary was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return ""
}

func (c *call) help(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Usage: temoin %s\n\n%s\n", strings.TrimSpace(c.command.name+" "+c.command.args), c.command.short)
	if c.command.long != "" {
		fmt.Fprintf(&b, "\n%s\n", c.command.long)
	}
	c.flags.VisitAll(func(f *flag.Flag) {
		kind, use := flag.UnquoteUsage(f)
		switch f.DefValue {
		case "", "0", "0s", "false":
		default:
			use += " Default: " + plainly(f.DefValue) + "."
		}
		fmt.Fprintf(&b, "\n  %s\n      %s\n", strings.TrimSpace("--"+f.Name+" "+kind), use)
	})
	_, err := w.Write(b.Bytes())
	return err
}

// plainly writes a default as somebody would: 1m for 1m0s.
func plainly(value string) string {
	if d, err := time.ParseDuration(value); err == nil && d > 0 {
		for _, nothing := range []string{"m0s", "h0m"} {
			if strings.HasSuffix(value, nothing) {
				value = value[:len(value)-2]
			}
		}
	}
	return value
}

func usage(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("Témoin turns a cookie policy into code that keeps its promises.\n\nUsage: temoin COMMAND [arguments]\n\n")
	for _, c := range commands {
		fmt.Fprintf(&b, "  %-9s %s\n", c.name, c.short)
	}
	b.WriteString("\nRun \"temoin help COMMAND\" for one of them.\n")
	_, err := w.Write(b.Bytes())
	return err
}
