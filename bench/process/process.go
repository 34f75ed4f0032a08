// Package process times commands of the binary as whole processes, in turn with
// each other, so that what the machine does meanwhile falls on all of them.
package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// A Series is one command, run again and again.
type Series struct {
	Name  string
	Args  []string
	Env   []string
	times []time.Duration
}

// Build builds the binary into a folder and returns its path.
func Build(dir string) (string, error) {
	binary := filepath.Join(dir, "temoin")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/temoin").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return binary, nil
}

// Run runs each series so many times, in turn, and prints the times of each with
// the ratio to the first, which is the bound.
func Run(binary string, runs int, series ...*Series) error {
	for i := range runs + 1 {
		for _, s := range series {
			if err := s.run(binary, i > 0); err != nil { // the first run of each warms the caches
				return err
			}
		}
	}
	for _, s := range series {
		slices.Sort(s.times)
		fmt.Printf("%-18s min %6.1f ms  median %6.1f ms  max %6.1f ms  %5.1fx of starting the process\n",
			s.Name, Ms(s.times[0]), Ms(s.Median()), Ms(s.times[len(s.times)-1]), float64(s.Median())/float64(series[0].Median()))
	}
	return nil
}

func (s *Series) run(binary string, count bool) error {
	cmd := exec.Command(binary, s.Args...)
	cmd.Env = append(os.Environ(), s.Env...)
	start := time.Now()
	out, err := cmd.CombinedOutput()
	took := time.Since(start)
	if err != nil && cmd.ProcessState.ExitCode() != 1 { // 1: it found something
		return fmt.Errorf("%s: %w: %s", s.Name, err, out)
	}
	if count {
		s.times = append(s.times, took)
	}
	return nil
}

// Median returns the middle of the times, once Run has sorted them.
func (s *Series) Median() time.Duration { return s.times[len(s.times)/2] }

// Verdict says whether a time is within its budget.
func Verdict(took, budget time.Duration) string {
	if took > budget {
		return fmt.Sprintf("budget %.0f ms: not met", Ms(budget))
	}
	return fmt.Sprintf("budget %.0f ms: met", Ms(budget))
}

// Ms is a time in milliseconds.
func Ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
