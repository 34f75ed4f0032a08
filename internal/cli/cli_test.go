package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/temoin/temoin/policy"
)

// The commands' manual, as scripts: testdata/*.txtar.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		Cmds:          scriptCommands,
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			root, err := os.Getwd()
			if err != nil {
				return err
			}
			env.Setenv("ROOT", strings.TrimSuffix(root, "/internal/cli"))
			return nil
		},
	})
}

// What a script needs besides the commands of testscript.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	// sparse SIZE FILE makes a file of that many bytes, all of them zero.
	"sparse": func(ts *testscript.TestScript, _ bool, args []string) {
		size, err := strconv.ParseInt(args[0], 10, 64)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), nil, 0o644))
		ts.Check(os.Truncate(ts.MkAbs(args[1]), size))
	},
	// socket FILE makes a socket that nobody listens on.
	"socket": func(ts *testscript.TestScript, _ bool, args []string) {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: ts.MkAbs(args[0]), Net: "unix"})
		ts.Check(err)
		l.SetUnlinkOnClose(false)
		ts.Check(l.Close())
	},
	// serve FILE NAME serves a page on this machine until the script ends, and names its address.
	"serve": func(ts *testscript.TestScript, _ bool, args []string) {
		page := ts.ReadFile(args[0])
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, page) })) //nolint:errcheck
		ts.Defer(server.Close)
		ts.Setenv(args[1], server.URL+"/")
	},
	// mode OCTAL FILE checks the permissions of a file; a link is not followed.
	"mode": func(ts *testscript.TestScript, _ bool, args []string) {
		info, err := os.Lstat(ts.MkAbs(args[1]))
		ts.Check(err)
		if got := fmt.Sprintf("%o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has the permissions %s, want %s", args[1], got, args[0])
		}
	},
}

// testClock stands still, so that rules on age find the same every day.
func testClock() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

// slowClock in the environment makes a command wait, when it asks for the day,
// until its standard input ends: so a test meets it at work.
const slowClock = "TEMOIN_TEST_SLOW_CLOCK"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"temoin": func() {
			now := testClock
			if os.Getenv(slowClock) != "" {
				now = func() time.Time {
					fmt.Fprintln(os.Stderr, "at work")
					io.Copy(io.Discard, os.Stdin)
					return testClock()
				}
			}
			os.Exit(Run(context.Background(), os.Args[1:], Stdio{os.Stdin, os.Stdout, os.Stderr, now}))
		},
		// holder is at something that a signal must not interrupt.
		"holder": func() {
			ctx, release := hold(context.Background())
			fmt.Println("held")
			<-ctx.Done()
			fmt.Println("finished")
			release()
			fmt.Println("and went on")
		},
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, os.ErrClosed }

func TestAResultThatCannotBeWrittenIsAFailure(t *testing.T) {
	for _, args := range [][]string{
		{}, {"help"}, {"help", "check"}, {"check", "-h"}, {"version"}, {"demo", "--listen", "127.0.0.1:0", "--store", t.TempDir()},
		{"schema"}, {"check", "--rules"}, {"check", "--explain", "trk-purpose"}, {"check", "../../examples/cexro/site.yaml"},
		{"check", "--format", "json", "../../examples/cexro/site.yaml"}, {"check", "--format", "sarif", "../../examples/cexro/site.yaml"},
		{"diff", "../../examples/cexro/site.yaml", "../../examples/cexro/site.yaml"},
	} {
		var errs strings.Builder
		if code := Run(context.Background(), args, Stdio{strings.NewReader(""), brokenWriter{}, &errs, testClock}); code != failed || errs.Len() == 0 {
			t.Errorf("%v: exit %d, %q", args, code, errs.String())
		}
	}
}

func TestAFileThatAFlagNamesIsNotOverwritten(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(page, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	c := newCall(command{name: "any"}, []string{"--layout", page, "--output", page}, Stdio{Err: &errs})
	c.flags.String("layout", "", "Put it into this `file`.")
	open, finish := c.output()
	if code, ok := c.parse(); !ok {
		t.Fatal(code, errs.String())
	}
	open()
	if code := finish(nil); code != failed || !strings.Contains(errs.String(), "would overwrite") {
		t.Errorf("exit %d, %q", code, errs.String())
	}
	if got, err := os.ReadFile(page); string(got) != "mine" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestAFileThatCannotBeReadIsNamedWithTheNextStep(t *testing.T) {
	for system, want := range map[syscall.Errno]string{
		syscall.ENOENT:       "check the name",
		syscall.EACCES:       "give your user the right to it and to the folders above it",
		syscall.ENAMETOOLONG: "give the name of a file, not its content",
		syscall.ELOOP:        "its symbolic links lead in a circle; name the file itself",
		syscall.ENOTDIR:      "a part of the path is a file, not a folder; check the path",
		syscall.EIO:          "check the disk, or copy the file elsewhere",
	} {
		err := unreadable("site.yaml", &fs.PathError{Op: "open", Path: "site.yaml", Err: system})
		if got, want := err.Error(), "site.yaml: "+system.Error()+": "+want; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestTheDemoStopsWhenItIsTold(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	var out strings.Builder
	ended := make(chan int)
	ready := &notifyWriter{&out, make(chan struct{}, 1)}
	go func() {
		ended <- Run(ctx, []string{"demo", "--listen", "127.0.0.1:0", "--store", t.TempDir()}, Stdio{strings.NewReader(""), ready, os.Stderr, testClock})
	}()
	<-ready.ready
	stop()
	if code := <-ended; code != done {
		t.Errorf("exit %d", code)
	}
}

// A notifyWriter says when the last line of the demo's greeting is written.
type notifyWriter struct {
	*strings.Builder
	ready chan struct{}
}

func (w *notifyWriter) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "Ctrl-C") {
		w.ready <- struct{}{}
	}
	return w.Builder.Write(p)
}

// callFor runs a command with the clock of the tests.
func callFor(args ...string) (code int, out, errs string) {
	var o, e strings.Builder
	code = Run(context.Background(), args, Stdio{strings.NewReader(""), &o, &e, testClock})
	return code, o.String(), e.String()
}

const manifest = "temoin: 1\nsite: a\nname: A\nurl: https://a.example\nlanguages: [en]\ncategories: {necessary: {exempt: true}}\n"

// write makes a file in a new folder.
func write(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// The scripts tell 0 from all else; a pipeline tells 1 from 2 too.
func TestACommandEndsWithZeroWhenDoneOneWhenItFoundSomethingAndTwoWhenItCouldNotRun(t *testing.T) {
	site := write(t, "site.yaml", manifest)
	more := write(t, "more.yaml", manifest+"trackers: [{name: more, category: necessary}]\n")
	refused := write(t, "refused.yaml", "temoin: 1\n")
	for _, c := range []struct {
		args []string
		want int
	}{
		{nil, 0}, {[]string{"help"}, 0}, {[]string{"check", "-h"}, 0}, {[]string{"check", "--rules"}, 0}, {[]string{"schema"}, 0},
		{[]string{"check", "../../examples/cexro/site.yaml"}, 0}, {[]string{"diff", site, site}, 0}, {[]string{"diff", more, site}, 0},
		{[]string{"check", site}, 1}, {[]string{"check", refused}, 1}, {[]string{"check", "../../examples/cexro/site.yaml", refused}, 1}, {[]string{"diff", site, more}, 1},
		{[]string{"chekc"}, 2}, {[]string{"check"}, 2}, {[]string{"check", "--frmat"}, 2}, {[]string{"check", "missing.yaml"}, 2},
		{[]string{"diff", site}, 2}, {[]string{"diff", site, refused}, 2}, {[]string{"schema", "x"}, 2}, {[]string{"demo", "x"}, 2},
	} {
		if code, _, errs := callFor(c.args...); code != c.want {
			t.Errorf("%v: exit %d, want %d: %s", c.args, code, c.want, errs)
		}
	}
}

func TestAReaderOfTheOldResultNeverSeesTheNewOneGrow(t *testing.T) {
	file := write(t, "out.json", "old")
	reader, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if code, _, errs := callFor("schema", "--output", file); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if old, err := io.ReadAll(reader); err != nil || string(old) != "old" {
		t.Errorf("the file was written in its place: %.20q, %v", old, err)
	}
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, policy.Schema()) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestNoTemporaryFileStaysWhereTheResultCannotTakeItsPlace(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "result.json")
	if err := os.MkdirAll(filepath.Join(file, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := streamWhole(file, nil, 0o666, writing([]byte("{}"))); err == nil {
		t.Error("a folder is replaced")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v stays, %v", left, err)
	}
}

func TestAManifestIsReadToTheLastByteThatItMayHave(t *testing.T) {
	long := manifest + "# " + strings.Repeat("x", policy.MaxSize-len(manifest)-2)
	for src, refused := range map[string]bool{long: false, "\ufeff" + long: false, long + "x": true} {
		if _, out, _ := callFor("check", write(t, "site.yaml", src)); strings.Contains(out, "[manifest]") != refused {
			t.Errorf("of %d bytes: %.300s", len(src), out)
		}
	}
}

func TestColourIsForATerminalWhoseUserDidNotRefuseIt(t *testing.T) {
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	for _, c := range []struct {
		noColor, term string
		want          bool
	}{{"", "xterm", true}, {"1", "xterm", false}, {"", "dumb", false}} {
		t.Setenv("NO_COLOR", c.noColor)
		t.Setenv("TERM", c.term)
		if got := isTerminal(device); got != c.want {
			t.Errorf("NO_COLOR=%s TERM=%s: %v", c.noColor, c.term, got)
		}
	}
	if isTerminal(new(strings.Builder)) {
		t.Error("a buffer is taken for a terminal")
	}
}

func TestADiffSaysWhenNothingTellsHowItIsAnnounced(t *testing.T) {
	more := write(t, "more.yaml", manifest+"trackers: [{name: more, category: necessary}]\n")
	if _, out, _ := callFor("diff", write(t, "site.yaml", manifest), more); !strings.Contains(out, "The policy does not say how such a change is announced") {
		t.Errorf("%s", out)
	}
}
