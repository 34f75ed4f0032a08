package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/temoin/temoin/internal/check"
	"github.com/temoin/temoin/internal/demo"
	"github.com/temoin/temoin/internal/standin"
)

var demoCommand = command{
	name:  "demo",
	short: "Run the three example sites on this machine, each behind its gate.",
	args:  "[--standin] [--as-published]",
	long: `What visitors choose is kept in the folder of --store and is there again the
next time. To begin anew, remove that folder.

The sites refer to third parties by their real addresses. --standin answers for
these on this machine, and prints how a Chromium is started that finds it: so
nothing leaves the machine, and nothing of them is needed.

The first Ctrl-C or SIGTERM lets requests under way finish and ends with 0; a
second one does not wait for them.`,
	watches: true,
	run:     runDemo,
}

func runDemo(ctx context.Context, c *call) int {
	listen := c.flags.String("listen", "127.0.0.1:8080", "Listen on this `address`.")
	store := c.flags.String("store", "temoin-demo", "What is kept: a `folder`, made if it is not there.")
	asPublished := c.flags.Bool("as-published", false, "Run the policies as they were published, mistakes included.")
	stand := c.flags.Bool("standin", false, "Answer for third parties on this machine too.")
	if code, ok := c.parse(); !ok {
		return code
	}
	if len(c.args) > 0 {
		return c.fail("it takes no arguments")
	}
	log := slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	server, err := demo.Open(ctx, demo.Config{Listen: *listen, Store: *store, AsPublished: *asPublished, Log: log, Now: c.Now})
	if err != nil {
		return c.fail("%v", err)
	}
	said := greeting(server)
	if *stand {
		third, err := standin.Start("127.0.0.1:0")
		if err != nil {
			return c.fail("the stand-in cannot start: %v", errors.Join(err, server.Close()))
		}
		defer third.Close() //nolint:errcheck // it keeps nothing
		said += "\nThird parties are answered for on this machine, if the browser is started so:\n\n  chromium --user-data-dir=" + shellWord(*store+"/chromium")
		for _, f := range third.Flags() {
			said += " \\\n    " + shellWord(f)
		}
		said += " \\\n    " + server.Home() + "/\n"
	}
	if *asPublished {
		said += held(server)
	}
	if server.Public() {
		said += "\nOther machines reach this demo, its passwords are public, and it has no TLS: listen on 127.0.0.1 but for a test.\n"
	}
	if _, err := fmt.Fprint(c.Out, said+"\nPress Ctrl-C to stop.\n"); err != nil {
		return c.written(errors.Join(err, server.Close()))
	}
	if err := server.Serve(ctx); err != nil {
		return c.fail("%v", err)
	}
	return done
}

// greeting says where the sites are, and who can sign in.
func greeting(server *demo.Server) string {
	var b strings.Builder
	fmt.Fprintf(&b, "The example sites are open, all of them at %s/\n", server.Home())
	for _, s := range server.Shows() {
		fmt.Fprintf(&b, "\n  %s/\n    %s: %s\n", server.Address(s.ID), s.Report.File, s.Summary())
		for _, l := range s.Logins {
			fmt.Fprintf(&b, "    sign in as %s with %s\n", l[0], l[1])
		}
	}
	return b.String()
}

// held lists what the rules hold against the policies.
func held(server *demo.Server) string {
	var b strings.Builder
	b.WriteString("\nWhat temoin check holds against the policies as they were published:\n")
	for _, s := range server.Shows() {
		fmt.Fprintf(&b, "\n  %s\n", s.Report.File)
		for _, f := range s.Report.Findings {
			if f.Allowed != "" || f.Severity == check.Info {
				continue
			}
			line := ""
			if f.Position.Line > 0 {
				line = fmt.Sprintf("line %d: ", f.Position.Line)
			}
			fmt.Fprintf(&b, "    %s: %s%s [%s]\n", f.Severity, line, f.Message, f.Rule.ID)
		}
	}
	return b.String()
}

// shellWord quotes a word for a shell where it needs that.
func shellWord(s string) string {
	if strings.ContainsAny(s, " *,;&|<>()$`\\\"'") {
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	}
	return s
}
