# Two commands: `make demo` shows wavegate at work, `make test` proves it.
# Both install what they need; a fresh machine has Rust, gcc, Python, Node and git.

CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: demo test check unit sim demo-test alert-test packages vm-test build bench gate-bench gate-bench-quick

# A fleet of 240 simulated hosts behind the real controller, in the terminal: one class never
# comes back from the new kernel, and the rollout pauses as it should.
# `wavegate demo --help` lists the other scenarios.
demo:
	$(CARGO) build --release -p wavegate-controller --bin wavegate
	target/release/wavegate demo --exit

test: check unit sim demo-test alert-test packages vm-test
	@echo "make test: everything passed"

# Format and lints.
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings

unit:
	$(CARGO) test --workspace

# The simulator: 2,000 seeds without a violation, the same hash twice, every guard noticed.
sim:
	integration-tests/sim-test

# The demo's scenarios, through the real controller.
demo-test: build
	integration-tests/demo-test

# Incidents and signals, against Alertmanager and Prometheus from Debian.
alert-test: build
	integration-tests/alert-test

# Debian and RPM packages, their units' exposure, and an installation in a clean Debian.
packages: build
	packaging/test

# Real machines under QEMU: systemd, dpkg, kexec and the boot loader are the real ones.
vm-test: build
	packaging/build
	integration-tests/vm-test

# The released binaries, without anything that tests switch on.
build:
	$(CARGO) build --release -p wavegate-controller --bin wavegate
	$(CARGO) build --profile host -p wavegate-agent -p wavegate-actuator

# The gate and its peers on public measurements of real machines, against the bars. Needs the data
# that docs/reference/gate-bench.md names; WAVEGATE_GATE_DATA is their folder.
gate-bench:
	$(CARGO) build --release -p wavegate-controller --bin wavegate
	integration-tests/gate-bench/run

# The same with few trials, for `make test` where the data exist.
gate-bench-quick:
	$(CARGO) build --release -p wavegate-controller --bin wavegate
	integration-tests/gate-bench/run --quick --if-data

bench:
	$(CARGO) run --release -p wavegate-integration-tests --bin fleet-sim -- bench-planner --hosts 5000
	$(CARGO) run --release -p wavegate-integration-tests --bin fleet-sim -- bench-planner --hosts 50000
	$(CARGO) run --release -p wavegate-integration-tests --bin fleet-sim -- bench-planner --hosts 500000
