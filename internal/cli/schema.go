package cli

import (
	"context"

	"github.com/temoin/temoin/policy"
)

var schemaCommand = command{
	name:  "schema",
	short: "Print the JSON Schema of the manifest, for editors.",
	run: func(_ context.Context, c *call) int {
		open, finish := c.output()
		if code, ok := c.parse(); !ok {
			return code
		}
		open()
		if len(c.args) > 0 {
			return c.fail("it takes no arguments")
		}
		_, err := c.Out.Write(policy.Schema())
		return finish(err)
	},
}
