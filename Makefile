# The words of this file are CI's words: .ci/run calls `make test`.
.PHONY: demo test bench install lint reference
PREFIX ?= $(HOME)/.local
CARGO ?= cargo
# The command line, and the host of Python hooks beside it.
PROGRAMS = -p resilmesh -p resilmesh-python-host

demo: ## Build, bring the example mesh up, send it logs, show one at every hop, take it down (KEEP=1: leave it up)
	@scripts/bootstrap build
	$(CARGO) build --release --locked $(PROGRAMS)
	@./target/release/resilmesh demo $(if $(filter 1,$(KEEP)),--keep)

test: ## Everything CI checks: format, lints, all tests with real nats-server processes
	@scripts/bootstrap test
	@scripts/test

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

bench: ## Measure what docs/benchmarks.md states; SIZES=small leaves out what takes Meshroom many minutes
	@scripts/bootstrap test
	$(CARGO) build --release --locked $(PROGRAMS)
	@scripts/bench
	@scripts/bench-large
	@scripts/bench-hooks
	@scripts/bench-modules
	@scripts/bench-meshroom

reference: ## Renew docs/reference, which is made of the program itself
	for page in commands files hooks; do $(CARGO) run --locked --quiet -- reference $$page >docs/reference/$$page.md || exit 1; done

install: ## Build and install to PREFIX/bin (default: ~/.local/bin)
	@scripts/bootstrap build
	$(CARGO) build --release --locked $(PROGRAMS)
	install -D -m 0755 target/release/resilmesh $(DESTDIR)$(PREFIX)/bin/resilmesh
	install -D -m 0755 target/release/resilmesh-python-host $(DESTDIR)$(PREFIX)/bin/resilmesh-python-host
