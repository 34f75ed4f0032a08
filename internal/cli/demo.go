package cli

import (
	"context"
	"fmt"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/internal/demo"
	"github.com/temoin/temoin/policy"
)

var demoCommand = command{
	name:  "demo",
	short: "Serve the three example sites on this machine.",
	run:   runDemo,
}

func runDemo(ctx context.Context, c *call) int {
	listen := c.flags.String("listen", "127.0.0.1:8080", "Listen on this `address`.")
	asPublished := c.flags.Bool("as-published", false, "Serve the policies as they were published, mistakes included.")
	if code, ok := c.parse(); !ok {
		return code
	}
	if len(c.args) > 0 {
		return c.fail("it takes no arguments")
	}
	server, err := demo.Listen(*listen, *asPublished, policy.DateOf(c.Now()))
	if err != nil {
		return c.fail("%v", err)
	}
	addresses := server.Addresses()
	fmt.Fprintln(c.Out, "The example sites are open:")
	for i, r := range server.Reports() {
		fmt.Fprintf(c.Out, "  %-32s temoin check %s: %s\n", addresses[examples.Sites[i]], r.File, check.Summary(r))
	}
	fmt.Fprintln(c.Out, "Press Ctrl-C to stop.")
	if err := server.Serve(ctx); err != nil {
		return c.fail("%v", err)
	}
	return done
}
