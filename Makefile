# mdocker: `make help` lists what can be made.
SHELL := /bin/bash
PREFIX ?= /usr/local
DESTDIR ?=
LIB := $(DESTDIR)$(PREFIX)/lib/mdocker
BIN := $(DESTDIR)$(PREFIX)/bin
MAN := $(DESTDIR)$(PREFIX)/share/man/man1
COMPLETION := $(DESTDIR)$(PREFIX)/share/bash-completion/completions

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup build image demo test check test-unit test-root test-vm bench docs install uninstall clean format lint

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing: compiler, libraries, programs for the default image, npm packages
	@scripts/setup

build: setup ## Bundle dist/mdocker.cjs and compile init/init.c
	@node scripts/build.mjs

image: build ## Make the default image `lab` from this machine's programs, if it is not there yet
	@bin/mdocker image create

demo: build ## Two containers on one bridge: addresses, ping, NAT; then the proof that nothing is left
	@node scripts/run.mjs scripts/demo/main.ts

test: check ## All tests on a fresh machine: setup, then check

check: ## Everything CI runs: build, types, lint, dead code, unit, root and vm tests
	@scripts/setup --test
	@node scripts/run.mjs scripts/check.ts

test-unit: ## Tests that need neither root nor the kernel
	@npx vitest run --project unit

test-root: build ## Tests on this machine's kernel, in throw-away namespaces (root)
	@scripts/setup --test
	@npx vitest run --project root

test-vm: build ## The same suites in a virtual machine with pure cgroup v2 (root)
	@scripts/vm/ensure-kernel
	@npx vitest run --project vm

bench: build ## Measure against the installed peers; ONLY=name runs one
	@scripts/setup --bench
	@node scripts/run.mjs scripts/bench/main.ts $(ONLY)

install: build ## Install to PREFIX (/usr/local), with the man page and completion
	install -d $(LIB) $(BIN) $(MAN) $(COMPLETION)
	rm -rf $(LIB)/dist $(LIB)/bin
	cp -r bin dist package.json $(LIB)/
	ln -sfn ../lib/mdocker/bin/mdocker $(BIN)/mdocker
	$(LIB)/bin/mdocker man > $(MAN)/mdocker.1
	$(LIB)/bin/mdocker completion bash > $(COMPLETION)/mdocker

uninstall: ## Remove what install put there; containers and images stay
	rm -rf $(LIB)
	rm -f $(BIN)/mdocker $(MAN)/mdocker.1 $(COMPLETION)/mdocker

docs: ## Write the pages of docs/ that are made from the program
	@node scripts/run.mjs scripts/docs/main.ts

format: ## Format and fix the sources
	@npx biome check --write .

lint: ## Check style, import borders and dead code
	@npx biome ci . && npx knip

clean: ## Remove what build made
	rm -rf dist bin/mdocker
