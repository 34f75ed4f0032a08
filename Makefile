# Two commands do everything: "go run ./cmd/temoin demo" and "make test".

GO ?= go
TOOL = $(GO) tool -modfile=tools/go.mod

# What the tests use besides Go.
NEEDS = chromium axe postgresql pgbouncer openssl

.PHONY: all build test check generate fresh statements pictures bench fuzz torture hydration firefox race clean

all: build

# A language that lacks a message stops the build.
build:
	@$(GO) test ./internal/lang >/dev/null || { $(GO) test ./internal/lang; exit 1; }
	$(GO) build -o temoin ./cmd/temoin

# All tests. Installs what they need and the machine lacks, or says what to install.
test:
	scripts/need $(NEEDS)
	$(GO) test ./...

# All that is checked besides tests.
check: fresh
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "gofmt -w these:"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(GO) mod tidy -diff
	cd tools && $(GO) mod tidy -diff
	scripts/need axe
	tools/node_modules/.bin/tsc -p internal/notice/ui
	scripts/vulnerabilities

# Files that are generated and committed.
generate:
	cd tools && $(GO) run ./bundle
	$(GO) run ./bench/reference > docs/manifest.md
	$(GO) test ./policy ./internal/check ./examples -update >/dev/null
	UPDATE=1 $(GO) test ./internal/cli >/dev/null

fresh:
	@$(GO) run ./bench/reference | cmp -s - docs/manifest.md || { echo "docs/manifest.md is not fresh: make generate"; exit 1; }
	cd tools && $(GO) run ./bundle -check

# What became of each statement of the published policies: said in the page, shown
# in the notice, done by the running site, proven by audit or attested. The tests
# of the packages that use internal/statements fill the columns.
statements:
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	users=$$($(GO) list -f '{{.ImportPath}} {{.TestImports}} {{.XTestImports}}' ./... | grep temoin/internal/statements | cut -d' ' -f1); \
	TEMOIN_STATEMENTS=$$dir $(GO) test -count=1 $$users >"$$dir/log" 2>&1; tests=$$?; \
	$(GO) run ./bench/statements "$$dir" && [ $$tests = 0 ] || { grep -v '^ok' "$$dir/log" >&2; exit 1; }

# The pictures of the README.
pictures:
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	TEMOIN_SCREENSHOTS=$$dir $(GO) test ./internal/demo -count=1 -run TestAFirstVisitIsAskedAtOnce && mkdir -p docs/pictures && cp "$$dir"/first-*.png docs/pictures/

# Figures of docs/benchmarks.md, each with its ratio to a bound.
bench:
	$(GO) test ./policy -run '^$$' -bench . -benchmem
	$(GO) run ./bench/check
	$(GO) test ./internal/document -run '^$$' -bench Page -benchmem
	$(GO) test ./consent -run '^$$' -bench . -benchmem
	$(GO) test ./internal/cookies ./internal/seal -run '^$$' -bench . -benchmem
	$(GO) run ./bench/choices
	$(GO) run ./bench/grown -records 1000000
	$(GO) test ./internal/ledger -run '^$$' -bench .
	$(GO) test ./internal/store -run '^$$' -bench Commit -benchtime 40000x
	$(GO) test ./internal/store -run '^$$' -bench Sequence -benchtime 10x
	$(GO) run ./bench/document
	$(GO) run ./bench/markup

# Each parser, a minute each.
fuzz:
	$(GO) test ./policy -run '^$$' -fuzz '^FuzzParse$$' -fuzztime 60s
	$(GO) test ./policy -run '^$$' -fuzz '^FuzzParsePeriod$$' -fuzztime 20s
	$(GO) test ./internal/check -run '^$$' -fuzz '^FuzzRun$$' -fuzztime 60s
	$(GO) test ./internal/document -run '^$$' -fuzz '^FuzzPage$$' -fuzztime 60s
	$(GO) test ./internal/notice -run '^$$' -fuzz '^FuzzCompile$$' -fuzztime 60s
	$(GO) test ./internal/markup -run '^$$' -fuzz '^FuzzWriter$$' -fuzztime 120s
	$(GO) test ./consent -run '^$$' -fuzz '^FuzzDecode$$' -fuzztime 60s
	for p in ledger anchor keyring cookies seal; do for f in $$($(GO) test ./internal/$$p -list '^Fuzz' | grep ^Fuzz); do \
		$(GO) test ./internal/$$p -run '^$$' -fuzz "^$$f\$$" -fuzztime 20s || exit 1; done; done
	$(GO) test ./internal/register -run '^$$' -fuzz '^FuzzParseRecord$$' -fuzztime 60s
	$(GO) test ./internal/register -run '^$$' -fuzz '^FuzzFactsOf$$' -fuzztime 60s
	$(GO) test ./internal/register -run '^$$' -fuzz '^FuzzVerify$$' -fuzztime 60s

# Every change of every field and every look of the notice, of which "make test" tries some; a million records; an
# authority that gives certificates.
torture:
	scripts/need $(NEEDS)
	TEMOIN_TORTURE=1 $(GO) test -count=1 -run TestNoFieldCanChangeUnnoticed ./policy
	TEMOIN_TORTURE=1 $(GO) test -count=1 -timeout 60m -v ./internal/torture
	TEMOIN_TORTURE=1 $(GO) test -count=1 -run TestManyRecordsAreExportedInConstantMemory -v ./internal/register
	TEMOIN_TORTURE=1 $(GO) test -count=1 -run TestAnExportHoldsAsMuchWhateverItReads -v ./internal/cli
	TEMOIN_TORTURE=1 $(GO) test -count=1 -timeout 60m ./internal/sitetest
	TEMOIN_TORTURE=1 $(GO) test -count=1 -run TestAnAuthority ./internal/cli

# Applications of Next.js, NextAuth and Nuxt, installed from npm and built, behind the gate.
hydration: export NEXT_TELEMETRY_DISABLED = 1
hydration: export NUXT_TELEMETRY_DISABLED = 1
hydration:
	scripts/need chromium node
	for app in next nextauth nuxt; do ( cd internal/hydration/testdata/$$app && \
		{ cmp -s package-lock.json node_modules/.need || { npm ci --ignore-scripts --no-audit --no-fund && cp package-lock.json node_modules/.need; }; } && \
		npm run build ) || exit 1; done
	TEMOIN_HYDRATION=1 $(GO) test -count=1 -timeout 20m -v ./internal/hydration

# The main path in Firefox.
firefox:
	scripts/need firefox
	TEMOIN_FIREFOX=1 $(GO) test -count=1 -v ./internal/firefoxtest

# The race detector needs a C compiler.
race:
	scripts/need gcc $(NEEDS)
	CGO_ENABLED=1 $(GO) test -race ./...

clean:
	rm -f temoin
