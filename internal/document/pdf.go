package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// browserNames are the names under which Chromium is installed.
var browserNames = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// pdfTakes bounds the time that a browser gets to print a page.
const pdfTakes = 60 * time.Second

// ErrNoBrowser says that no Chromium is installed, and what to do.
var ErrNoBrowser = errors.New("a PDF is printed by Chromium, which is not installed: install the package chromium, set TEMOIN_CHROMIUM to its path, or write HTML and print that")

// PDF prints the page that HTML writes, with whole addresses. It needs a
// Chromium, named by TEMOIN_CHROMIUM or found in the PATH; without one the error
// is ErrNoBrowser. The browser resolves no name, reaches nothing through its
// proxy, and has a profile of its own that is deleted.
func (d *Document) PDF(ctx context.Context, p Page) ([]byte, error) {
	browser, err := findBrowser()
	if err != nil {
		return nil, err
	}
	p.Origin = strings.TrimSuffix(d.Site.URL, "/")
	return printed(ctx, browser, d.HTML(p))
}

func printed(ctx context.Context, browser string, page []byte) ([]byte, error) {
	dir, err := os.MkdirTemp("", "temoin-pdf-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "policy.html"), filepath.Join(dir, "policy.pdf")
	if err := os.WriteFile(in, page, 0o600); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pdfTakes)
	defer cancel()
	args := []string{
		"--headless=new", "--disable-gpu", "--disable-extensions", "--disable-background-networking", "--no-first-run",
		"--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--user-data-dir=" + filepath.Join(dir, "profile"),
		"--no-pdf-header-footer", "--generate-pdf-document-outline", "--print-to-pdf=" + out, "file://" + in,
	}
	if os.Geteuid() == 0 {
		args = append([]string{"--no-sandbox"}, args...) // Chromium has none for root; the page is our own and has no script
	}
	cmd := exec.CommandContext(ctx, browser, args...)
	cmd.WaitDelay = 5 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	err = cmd.Run()
	pdf, readErr := os.ReadFile(out)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s did not print the page within %v", browser, pdfTakes)
	case err == nil && readErr == nil && bytes.HasPrefix(pdf, []byte("%PDF-")):
		return pdf, nil
	}
	return nil, fmt.Errorf("%s did not print the page: %v: %s", browser, errors.Join(err, readErr), lastLine(said.String()))
}

func findBrowser() (string, error) {
	if named := os.Getenv("TEMOIN_CHROMIUM"); named != "" {
		if _, err := exec.LookPath(named); err != nil {
			return "", fmt.Errorf("TEMOIN_CHROMIUM is %q, which cannot be run: %w", named, err)
		}
		return named, nil
	}
	for _, name := range browserNames {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBrowser
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
