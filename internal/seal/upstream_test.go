package seal

import (
	"strings"
	"testing"
)

func TestTheUpstreamsPolicyIsCompletedOnlyWhereItWouldStopTheNotice(t *testing.T) {
	t.Parallel()
	const (
		scripts = "'sha256-s1' 'sha256-s2'"
		styles  = "'sha256-c1'"
		ours    = "www.shop.example:8443/.temoin/"
	)
	for _, c := range []struct{ name, in, want string }{
		{"nothing that concerns the notice", "img-src 'self'; upgrade-insecure-requests; report-uri /csp", ""},
		{"nothing", "", ""},
		{"semicolons", ";;", ""},
		{"everything", "default-src * 'unsafe-inline'", ""},
		{"the site itself, and inline", "script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'", ""},
		{"scripts of the site", "script-src 'self'", "script-src 'self' " + scripts},
		{"the rest of the policy stays as it is", " SCRIPT-SRC\t'self'  ;\timg-src *;", " SCRIPT-SRC\t'self' " + scripts + ";\timg-src *;"},
		{"a nonce", "script-src 'self' 'nonce-r4nd0m' 'unsafe-inline'", "script-src 'self' 'nonce-r4nd0m' 'unsafe-inline' " + scripts},
		{"a hash", "style-src 'SHA384-abc=' 'unsafe-inline'", "style-src 'SHA384-abc=' 'unsafe-inline' " + styles},
		{"what is no nonce leaves inline on", "script-src 'self' 'unsafe-inline' 'nonce-' 'nonce-a b' nonce-x 'sha1-abc'", ""},
		{"only what a nonce or its scripts load", "script-src 'nonce-x' 'strict-dynamic' https: 'unsafe-inline'", "script-src 'nonce-x' 'strict-dynamic' https: 'unsafe-inline' " + scripts},
		{"strict-dynamic alone", "script-src 'strict-dynamic' 'unsafe-inline'", "script-src 'strict-dynamic' 'unsafe-inline' " + scripts},
		{"strict-dynamic says nothing about styles", "style-src 'strict-dynamic' 'unsafe-inline'", ""},
		{"only a nonce", "script-src 'nonce-x'", "script-src 'nonce-x' " + scripts + " " + ours},
		{"no script", "script-src 'none'", "script-src " + scripts + " " + ours},
		{"no script, by an empty list", "img-src *; script-src ; font-src *", "img-src *; script-src " + scripts + " " + ours + "; font-src *"},
		{"inline only", "script-src 'unsafe-inline'", "script-src 'unsafe-inline' " + ours},
		{"elements apart", "script-src 'none'; script-src-elem 'self'", "script-src 'none'; script-src-elem 'self' " + scripts},
		{"of two the first counts", "script-src 'self' 'unsafe-inline'; script-src 'none'", ""},
		{"a hash of ours that is there", "script-src 'self' 'sha256-s2'", "script-src 'self' 'sha256-s2' 'sha256-s1'"},
		{"what governs other things too gets one beside it", "default-src 'self'",
			"default-src 'self'; script-src 'self' " + scripts + "; style-src 'self' " + styles},
		{"nothing at all", "default-src 'none';",
			"default-src 'none'; script-src " + scripts + " " + ours + "; style-src " + styles + "; connect-src " + ours + "; frame-src " + ours},
		{"inline on for all", "default-src 'self' 'unsafe-inline'", ""},
		{"frames go by children", "child-src 'none'; frame-ancestors 'none'", "child-src 'none'; frame-ancestors 'none'; frame-src " + ours},
		{"frames of others", "frame-src https://video.example", "frame-src https://video.example " + ours},
		{"requests to others", "connect-src api.example", "connect-src api.example " + ours},
		{"forms to others", "form-action https://pay.example", "form-action https://pay.example " + ours},
		{"forms to nobody", "form-action 'none'", "form-action " + ours},
		{"types that are trusted", "require-trusted-types-for 'script'; trusted-types react", "require-trusted-types-for 'script'; trusted-types react temoin"},
		{"no types", "trusted-types 'none'", "trusted-types temoin"},
		{"any types", "trusted-types *", ""},
		{"ours", "trusted-types temoin 'allow-duplicates'", ""},
		{"several policies", "script-src 'self' , style-src 'self',img-src *", "script-src 'self' " + scripts + ", style-src 'self' " + styles + ",img-src *"},
	} {
		s := New(parse(t, shop), notice)
		if c.want == "" {
			c.want = c.in
		}
		got := s.open(c.in, "www.shop.example:8443")
		if strings.TrimSpace(got) != strings.TrimSpace(c.want) {
			t.Errorf("%s: %q becomes\n%q, want\n%q", c.name, c.in, got, c.want)
		}
		if again := s.open(got, "www.shop.example:8443"); again != got {
			t.Errorf("%s: %q becomes %q, which becomes %q", c.name, c.in, got, again)
		}
	}
}

func TestASourceIsKnownToCoverTheNoticesAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source, host string
		want         bool
	}{
		{"'self'", "shop.example", true},
		{"*", "shop.example", true},
		{"https:", "shop.example", true},
		{"data:", "shop.example", false},
		{"wss://shop.example", "shop.example", false},
		{"shop.example", "shop.example", true},
		{"HTTPS://Shop.Example", "shop.example", true},
		{"https://shop.example:443", "shop.example", true},
		{"shop.example:*", "shop.example:8443", true},
		{"shop.example", "shop.example:8443", false},
		{"shop.example:8080", "shop.example:8443", false},
		{"*.shop.example", "www.shop.example", true},
		{"*.shop.example", "shop.example", false},
		{"shop.example/", "shop.example", true},
		{"shop.example/.temoin/", "shop.example", true},
		{"shop.example/.temoin", "shop.example", false},
		{"shop.example/js/", "shop.example", false},
		{"other.example", "shop.example", false},
		{"'nonce-x'", "shop.example", false},
	} {
		s := New(parse(t, shop), notice)
		if got := (sourceList{c.source}).reaches(s.address(c.host)); got != c.want {
			t.Errorf("%s covers %s: %v, want %v", c.source, c.host, got, c.want)
		}
	}
}

func TestAHostThatCannotBeNamedIsThePagesOwn(t *testing.T) {
	t.Parallel()
	s := New(parse(t, shop), notice)
	for _, host := range []string{"[::1]:8080", "a;b", "a b", "a,b", "", "a'b"} {
		if got := s.open("connect-src api.example", host); got != "connect-src api.example 'self'" {
			t.Errorf("%q: %q", host, got)
		}
	}
}

func TestWithoutANoticeNothingIsAdded(t *testing.T) {
	t.Parallel()
	s := New(parse(t, shop), Options{})
	if got := s.open("default-src 'none'", "shop.example"); got != "default-src 'none'" {
		t.Errorf("%q", got)
	}
}

func TestWherePagesHoldNoPlaceholdersFramesAreNotAdded(t *testing.T) {
	t.Parallel()
	before, _, _ := strings.Cut(shop, "services:")
	s := New(parse(t, before), notice)
	if got := s.open("frame-src 'none'", "shop.example"); got != "frame-src 'none'" {
		t.Errorf("%q", got)
	}
}

func FuzzOpen(f *testing.F) {
	for _, p := range []string{
		"default-src 'none'", "script-src 'self' 'unsafe-inline'; style-src 'nonce-x'", ",;, ;", "script-src\f'none' ;SCRIPT-SRC x", "trusted-types", "default-src 'none' 'none';",
	} {
		f.Add(p)
	}
	s := New(parse(f, shop), notice)
	f.Fuzz(func(t *testing.T, in string) {
		out := s.open(in, "www.shop.example")
		if kept := s.opened(in, "www.shop.example"); kept != out {
			t.Fatalf("%q becomes %q, and %q where its nonce is set aside", in, out, kept)
		}
		if again := s.open(out, "www.shop.example"); again != out {
			t.Fatalf("%q becomes %q, which becomes %q", in, out, again)
		}
		was, is := strings.Split(in, ","), strings.Split(out, ",")
		if len(was) != len(is) {
			t.Fatalf("%q becomes %q: other policies", in, out)
		}
		for i := range was {
			checkOpened(t, parsePolicy(was[i]), parsePolicy(is[i]))
		}
	})
}

// checkOpened holds that each directive still lists what it did, and no new one lists what
// the one that it stands in for did not, but for what is ours; and that inline scripts run
// where they ran.
func checkOpened(t *testing.T, was, is *policyText) {
	t.Helper()
	ours := append([]string{"www.shop.example/.temoin/", "temoin"}, append(notice.Scripts, notice.Styles...)...)
	instead := map[string][]string{"script-src": {"default-src"}, "style-src": {"default-src"}, "connect-src": {"default-src"}, "frame-src": {"child-src", "default-src"}}
	for _, part := range is.parts {
		fields := strings.FieldsFunc(part, isSpace)
		if len(fields) == 0 {
			continue
		}
		name := fields[0]
		_, list, _ := is.find(name)
		_, before, had := was.find(name)
		for _, other := range instead[strings.ToLower(name)] {
			if !had {
				_, before, had = was.find(other)
			}
		}
		if !had {
			t.Fatalf("%q becomes %q: a new %s", was, is, name)
		}
		if before.inline(true) != list.inline(true) {
			t.Fatalf("%q becomes %q: inline scripts", was, is)
		}
		for _, source := range list {
			if !before.has(source) && !sourceList(ours).has(source) {
				t.Fatalf("%q becomes %q: %s allows %s", was, is, name, source)
			}
		}
		for _, source := range before {
			if !list.has(source) && !strings.EqualFold(source, "'none'") {
				t.Fatalf("%q becomes %q: %s lacks %s", was, is, name, source)
			}
		}
	}
}
