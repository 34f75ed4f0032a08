package cli

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var stopSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

// hangup is how a program that runs for long is told to read its files anew.
var hangup = []os.Signal{syscall.SIGHUP}

// untilSignal returns a context that ends with the first signal. It no longer
// listens then, so that the second one kills.
func untilSignal(parent context.Context) (context.Context, func()) {
	ctx, stop := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, stopSignals...)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		stop()
	}()
	return ctx, stop
}

// hold keeps signals from ending the process amid what must be finished or taken
// back: the first one ends the context instead. Once that is done, release lets
// it do what it would have done. It returns only if no signal came, or with an
// error where the system cannot send one.
func hold(parent context.Context) (ctx context.Context, release func() error) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	for _, s := range stopSignals {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	var came os.Signal
	over := make(chan struct{})
	go func() {
		defer close(over)
		select {
		case came = <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() error {
		signal.Stop(signals) // none comes after this
		cancel()
		<-over
		if came == nil {
			select {
			case came = <-signals:
			default:
				return nil
			}
		}
		return endBy(came)
	}
}

// endBy ends the process as a signal does that nobody listens for, so that a
// shell sees by what it ended.
func endBy(s os.Signal) error {
	if self, err := os.FindProcess(os.Getpid()); err == nil && self.Signal(s) == nil {
		time.Sleep(5 * time.Second) // it is on its way
	}
	return fmt.Errorf("stopped by %v", s)
}
