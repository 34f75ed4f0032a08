//go:build unix

package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is temoin as a process of its own, which a test that hangs does not
// outlive.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self)
	cmd.Args = append([]string{"temoin"}, args...) // the name by which TestMain knows it
	return cmd
}

func started(t *testing.T, cmd *exec.Cmd, pipe func() (io.ReadCloser, error)) *bufio.Reader {
	t.Helper()
	r, err := pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(r)
}

// waitFor reads up to the line with the words, and returns all that was read.
func waitFor(t *testing.T, r *bufio.Reader, words string) string {
	t.Helper()
	var read strings.Builder
	for {
		line, err := r.ReadString('\n')
		read.WriteString(line)
		if strings.Contains(line, words) {
			return read.String()
		}
		if err != nil {
			t.Fatalf("%q never came, but %q: %v", words, read.String(), err)
		}
	}
}

// endedBy returns the signal that ended the process, or -1.
func endedBy(cmd *exec.Cmd) syscall.Signal {
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return status.Signal()
	}
	return -1
}

func TestASignalEndsACheckAtWork(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := process(t, "check", "../../examples/cexro/site.yaml")
		cmd.Env = append(os.Environ(), slowClock+"=1")
		if _, err := cmd.StdinPipe(); err != nil { // it stays open: nothing but the signal ends the wait
			t.Fatal(err)
		}
		waitFor(t, started(t, cmd, cmd.StderrPipe), "at work")
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if endedBy(cmd) != s {
			t.Errorf("%v: %v", s, cmd.ProcessState)
		}
	}
}

// Of as many pages as take longer to write than a signal takes to come.
func TestASignalEndsTheWritingOfPagesAndLeavesEachWholeOrAbsent(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		dir, args := t.TempDir(), []string{"document", "--dir"}
		args = append(args, dir)
		for i := range 100 {
			args = append(args, write(t, "site.yaml", strings.NewReplacer("site: a", fmt.Sprintf("site: a%d", i), "[en]", "[ar, de, en, es, fr, it, nl, pt]").Replace(manifest)))
		}
		cmd := process(t, args...)
		waitFor(t, started(t, cmd, cmd.StderrPipe), ".html")
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if endedBy(cmd) != s {
			t.Errorf("%v: %v", s, cmd.ProcessState)
		}
		files, err := os.ReadDir(dir)
		if err != nil || len(files) == 0 || len(files) == 800 {
			t.Errorf("%v: %d files, %v", s, len(files), err)
		}
		for _, f := range files {
			page, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil || !strings.HasSuffix(f.Name(), ".html") || !strings.HasSuffix(strings.TrimSpace(string(page)), "</html>") {
				t.Errorf("%v: %s is not whole, %v", s, f.Name(), err)
			}
		}
	}
}

func TestWhatIsHeldIsFinishedBeforeASignalEndsTheProcess(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := process(t)
		cmd.Args = []string{"holder"}
		out := started(t, cmd, cmd.StdoutPipe)
		waitFor(t, out, "held")
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		rest, err := io.ReadAll(out)
		cmd.Wait()
		if endedBy(cmd) != s || string(rest) != "finished\n" {
			t.Errorf("%v: %v, %q, %v", s, cmd.ProcessState, rest, err)
		}
	}
}

func TestASignalEndsTheBrowserAndLeavesNothingOfIt(t *testing.T) {
	tmp, dir := t.TempDir(), t.TempDir()
	pipe, browser := filepath.Join(dir, "pipe"), filepath.Join(dir, "chromium")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(browser, []byte("#!/bin/sh\necho printing >'"+pipe+"'\nexec sleep 60\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := process(t, "document", "--format", "pdf", "../../examples/cexro/site.yaml", "--output", filepath.Join(dir, "policy.pdf"))
	cmd.Env = append(os.Environ(), "TEMOIN_CHROMIUM="+browser, "TMPDIR="+tmp)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if said, err := os.ReadFile(pipe); err != nil || string(said) != "printing\n" { // once it prints
		t.Fatalf("%q, %v", said, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if endedBy(cmd) != syscall.SIGTERM {
		t.Error(cmd.ProcessState)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("%v stays, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "policy.pdf")); err == nil {
		t.Error("there is a PDF")
	}
}

func TestASignalEndsARestoreAndLeavesNothingOfIt(t *testing.T) {
	dir := t.TempDir()
	backup, to := filepath.Join(dir, "backup"), filepath.Join(dir, "to")
	f, err := os.Create(backup)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(16<<30), f.Close()); err != nil { // it takes longer to copy than a signal takes
		t.Skip(err)
	}
	cmd := process(t, "restore", backup, "--store", to)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for copied := []string{}; len(copied) == 0; { // until it copies
		if copied, err = filepath.Glob(filepath.Join(to, "restoring-*", ".temoin-*")); err != nil || cmd.Process.Signal(syscall.Signal(0)) != nil {
			t.Fatal("it has ended", err)
		}
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if endedBy(cmd) != syscall.SIGINT {
		t.Error(cmd.ProcessState)
	}
	if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s stays, %v", to, err)
	}
}

func TestASignalEndsTheDemoInOrder(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := process(t, "demo", "--listen", "127.0.0.1:0", "--store", t.TempDir())
		waitFor(t, started(t, cmd, cmd.StdoutPipe), "Ctrl-C")
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v", s, err)
		}
	}
}

func TestASecondSignalEndsTheDemoWithoutWaitingForRequests(t *testing.T) {
	cmd := process(t, "demo", "--listen", "127.0.0.1:0", "--store", t.TempDir())
	greeting := waitFor(t, started(t, cmd, cmd.StdoutPipe), "Ctrl-C")
	port := regexp.MustCompile(`localhost(:[0-9]+)`).FindStringSubmatch(greeting)
	if port == nil {
		t.Fatalf("no port in %q", greeting)
	}
	request, err := net.Dial("tcp", "127.0.0.1"+port[1])
	if err != nil {
		t.Fatal(err)
	}
	defer request.Close()
	const form = "POST /next HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 99\r\nExpect: 100-continue\r\n\r\n"
	if _, err := io.WriteString(request, form); err != nil { // one that never comes to an end
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(request).ReadString('\n'); !strings.Contains(line, "100 Continue") { // it is waited for by now
		t.Fatalf("%q, %v", line, err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	for { // until it no longer listens
		conn, err := net.Dial("tcp", "127.0.0.1"+port[1])
		if err != nil {
			break
		}
		conn.Close()
	}
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if endedBy(cmd) != syscall.SIGTERM {
		t.Error(cmd.ProcessState)
	}
}

func TestAReaderThatGoesAwayEndsACommandQuietly(t *testing.T) {
	for _, args := range [][]string{{"schema"}, {"help"}, {"check", "../../examples/cexro/site.yaml"}} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		cmd := process(t, args...)
		var errs strings.Builder
		cmd.Stdout, cmd.Stderr = w, &errs
		cmd.Run()
		if endedBy(cmd) != syscall.SIGPIPE || errs.Len() > 0 {
			t.Errorf("%v: %v, %q", args, cmd.ProcessState, errs.String())
		}
		w.Close()
	}
}

func TestWhatIsNoRegularFileIsNeitherReadNorReplaced(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	site := write(t, "site.yaml", manifest)
	for _, args := range [][]string{{"check", pipe}, {"check", os.DevNull}, {"diff", site, pipe}, {"diff", pipe, site}, {"schema", "--output", pipe}} {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if code, _, errs := callFor(args...); code != 2 || !strings.Contains(errs, "is no regular file") {
				t.Errorf("%v: exit %d: %s", args, code, errs)
			}
		}()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatalf("%v waits for the pipe", args)
		}
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe was replaced: %v", err)
	}
}
