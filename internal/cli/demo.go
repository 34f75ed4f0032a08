package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/temoin/temoin/examples"
	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/internal/demo"
	"github.com/temoin/temoin/policy"
)

var demoCommand = command{
	name:  "demo",
	short: "Serve the three example sites on this machine.",
	long: `The first Ctrl-C or SIGTERM lets requests under way finish and ends with 0; a
second one does not wait for them.`,
	watches: true,
	run:     runDemo,
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
	if _, err := fmt.Fprint(c.Out, greeting(server)); err != nil {
		return c.written(err)
	}
	if err := server.Serve(ctx); err != nil {
		return c.fail("%v", err)
	}
	return done
}

func greeting(server *demo.Server) string {
	var b strings.Builder
	b.WriteString("The example sites are open:\n")
	addresses := server.Addresses()
	for i, r := range server.Reports() {
		fmt.Fprintf(&b, "  %-32s temoin check %s: %s\n", addresses[examples.Sites[i]], r.File, check.Summary(r))
	}
	b.WriteString("Press Ctrl-C to stop.\n")
	return b.String()
}
