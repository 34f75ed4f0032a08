package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/temoin/temoin/policy"
)

var checkCommand = command{
	name: "check", args: "site.yaml…",
	short: "Check manifests against the rules.",
	run: func(_ context.Context, c *call) int {
		if code, ok := c.parse(); !ok {
			return code
		}
		code := done
		for _, f := range c.args {
			src, err := os.ReadFile(f)
			if err != nil {
				return c.fail("%v", err)
			}
			if _, err := policy.Parse(f, src); err != nil {
				fmt.Fprintln(c.Err, err)
				code = failed
			}
		}
		return code
	},
}
