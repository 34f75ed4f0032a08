# Two commands do everything: "go run ./cmd/temoin demo" and "make test".

GO ?= go
TOOL = $(GO) tool -modfile=tools/go.mod

# What the tests use besides Go. Later parts add postgresql and node.
NEEDS = chromium

.PHONY: all build test check generate fresh bench fuzz race clean

all: build

build:
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
	scripts/vulnerabilities

# Files that are generated and committed.
generate:
	$(GO) run ./bench/reference > docs/manifest.md
	$(GO) test ./policy ./internal/check ./examples -update >/dev/null
	UPDATE=1 $(GO) test ./internal/cli >/dev/null

fresh:
	@$(GO) run ./bench/reference | cmp -s - docs/manifest.md || { echo "docs/manifest.md is not fresh: make generate"; exit 1; }

# Figures of docs/benchmarks.md, each with its ratio to a bound.
bench:
	$(GO) test ./policy -run '^$$' -bench . -benchmem
	$(GO) run ./bench/check

# Each parser, a minute each.
fuzz:
	$(GO) test ./policy -run '^$$' -fuzz '^FuzzParse$$' -fuzztime 60s
	$(GO) test ./policy -run '^$$' -fuzz '^FuzzParsePeriod$$' -fuzztime 20s
	$(GO) test ./internal/check -run '^$$' -fuzz '^FuzzRun$$' -fuzztime 60s

# The race detector needs a C compiler.
race:
	scripts/need gcc chromium
	CGO_ENABLED=1 $(GO) test -race ./...

clean:
	rm -f temoin
