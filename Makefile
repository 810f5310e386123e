# Thin on purpose: every target calls a script that also runs without make.
SHELL := /bin/sh
WITH_NODE := node="$$(scripts/toolchain)" && PATH="$$node:$$PATH"
CONFIG := $(if $(wildcard config.yaml),--config ./config.yaml,)

.DEFAULT_GOAL := help
.PHONY: help dev deps build build-core build-data test check bench soak clean db-reset

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'

dev: deps config.yaml ## Start everything from this checkout, with ./config.yaml
	@exec bin/throughline up --config ./config.yaml

config.yaml:
	cp config.example.yaml config.yaml

deps: node_modules/.package-lock.json

node_modules/.package-lock.json: package.json package-lock.json
	$(WITH_NODE) scripts/install
	@touch $@

build: deps ## Build all services and the command line into dist/
	@$(WITH_NODE) node scripts/build.ts

build-core: deps ## Build proxy-core only: one file, no packages
	@$(WITH_NODE) node scripts/build.ts core

build-data: deps ## Build proxy-data only
	@$(WITH_NODE) node scripts/build.ts data

test: deps ## Type check, lint, dead code and all tests
	-@scripts/toolchain packages libfaketime systemd-socket-activate mkfs.ext4 ip socat
	-@scripts/toolchain claude-code >/dev/null
	-@scripts/toolchain node 24 >/dev/null
	@$(WITH_NODE) node scripts/test.ts

check: deps ## Type check, lint and dead code, without the tests
	@$(WITH_NODE) npm run --silent check

bench: deps ## Measure against nginx; see bench/README.md
	@scripts/toolchain packages nginx wrk haproxy caddy
	@$(WITH_NODE) node bench/all.ts

soak: deps ## Load, replace, kill and lock for SOAK_MINUTES (10), then say what was lost
	@$(WITH_NODE) node scripts/build.ts
	@$(WITH_NODE) node bench/soak.ts

clean: ## Remove what was built; keeps config.yaml and data
	rm -rf dist coverage

db-reset: deps ## Delete the database (asks, unless FORCE=1; refuses while services run)
	@FORCE=$(FORCE) bin/throughline $(CONFIG) db reset
