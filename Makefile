# `make run` and `make test` do everything on a fresh Debian 12 or 13 with a Rust toolchain, git and make.
# What is already there (packages, the guest kernel, built crates) is not done again.

CARGO ?= cargo
TARGET = $(or $(CARGO_TARGET_DIR),target)
BIN = $(TARGET)/release/lvs-matrix
# What the shipped matrix is run on; `make run SCENARIOS=my.yaml` runs another.
SCENARIOS ?=
RUNS ?= 5
# The line of the guest kernel that `make reports` runs on.
KERNEL ?= 7.2

# Whether tests with MySQL 5.6 must run: `required`, or nothing. Without npm they cannot, are listed as ignored, and it is said why.
MYSQL56 ?=

.PHONY: run test matrix leaks suite lint bench fuzz soak property reports site pictures every-cell packages mysql56 kernel kernels build dist clean

# Runs the shipped matrix; the last line says where the report is.
run: kernel
	$(BIN) run $(SCENARIOS)

# The whole test suite. It runs every shipped scenario in guests; of those with many cells, a sample.
test: test-packages mysql56
	$(CARGO) build --locked --package lvs-matrix --package lvs-matrix-test-place
	@$(TARGET)/debug/lvs-matrix kernel build >/dev/null
	$(MAKE) --no-print-directory suite

# Every cell of every shipped scenario, with all that `make test` holds against its sample of them.
matrix: export LVS_MATRIX_WHOLE = 1
matrix: test-packages
	$(CARGO) build --locked --package lvs-matrix
	@$(TARGET)/debug/lvs-matrix kernel build >/dev/null
	$(CARGO) test --locked --workspace --test matrix

# The test suite, and what it leaves behind on this machine, which must be nothing. The machine must be otherwise at rest, or what
# others do there is named: `make leaks ALLOW="--allow 'tmp:/tmp/theirs-*'"`.
leaks: test-packages mysql56
	$(CARGO) build --locked --package lvs-matrix --package lvs-matrix-accountant --package lvs-matrix-test-place
	@$(TARGET)/debug/lvs-matrix kernel build >/dev/null
	$(TARGET)/debug/leak-accountant around --watch . --watch $(CACHE) $(ALLOW) -- $(MAKE) --no-print-directory suite

# The cache may gain its data folders, which are made once.
ALLOW ?=
override ALLOW += --allow 'watched:*/datadirs'
CACHE = $(or $(LVS_MATRIX_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/lvs-matrix)

suite: export LVS_MATRIX_MYSQLD_56 = $(or $(wildcard $(CACHE)/mysql-5.6/bin/mysqld),$(MYSQL56))
# Stock kernels are tested where one can be had: STOCK=required fails where none can.
suite: export LVS_MATRIX_STOCK_KERNEL = $(or $(STOCK),$(shell .ci/stock-kernel $(CACHE)))
# Tests of some packages make network namespaces. test-place starts those where that is possible: here, in a user namespace, or in a
# guest; PLACE=here|user|guest asks for one of them.
suite: export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER = $(abspath $(TARGET))/debug/test-place
suite: export LVS_MATRIX_TEST_PLACE = $(PLACE)
suite:
	$(CARGO) test --locked --no-fail-fast --workspace

PLACE ?=
STOCK ?=

# Formatting and lints; warnings are errors. rustfmt leaves the lines of strings and comments as they are.
lint: packages
	@! LC_ALL=C.UTF-8 git grep -nE '^.{111,}' -- 'harness/*.rs' 'keeper/*.rs' 'netns/*.rs' 'tests/*.rs' || \
	  { echo "these lines have more than 110 columns" >&2; exit 1; }
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

# Wall clock, virtual time, boot time and time per cell, as medians of $(RUNS) runs of all shipped scenarios.
bench: kernel
	$(BIN) bench --runs $(RUNS) scenarios/*.yaml

# Fuzzes what reads foreign bytes for $(FUZZ_SECONDS) s each, guided by coverage. Needs a C++ compiler (g++). `make test` runs the kept
# corpus and mutants of it for a few seconds, without.
fuzz: packages
	.ci/fuzz $(FUZZ_SECONDS)

FUZZ_SECONDS ?= 60

# The shipped scenarios again and again, under varied load, order, user and seed; the result goes into docs/reliability.md. Minutes a run.
soak: kernel
	$(CARGO) run --locked --quiet --package lvs-matrix-soak -- --program $(BIN) --runs $(SOAK_RUNS) $(SEED:%=--seed %) \
	  --page docs/reliability.md scenarios/*.yaml

SOAK_RUNS ?= 12
SEED ?=

# $(CELLS) random scenarios of one seed, each cell judged twice. What is found, and all results, are in the folder $(PROPERTY_OUT).
property: kernel
	rm -rf $(PROPERTY_OUT)
	$(CARGO) run --locked --quiet --package lvs-matrix-second-judge -- --program $(BIN) --cells $(CELLS) \
	  --seed $(or $(SEED),1) --out $(PROPERTY_OUT)

CELLS ?= 300
PROPERTY_OUT = $(TARGET)/property

# Runs the shipped scenarios again. The whole run is in $(REPORTS); what the repository keeps of it goes under reports/ and
# tests/fixtures/cells.
reports: export LVS_MATRIX_KERNEL = $(KERNEL)
reports: kernel
	$(CARGO) build --locked --quiet --package lvs-matrix-kept
	.ci/reports $(BIN) $(REPORTS) $(TARGET)/debug/kept

REPORTS = $(TARGET)/reports

# The catalogue, what happens if, as pages that any web server can show: of the run in $(RUN), which `make reports` has left.
site: RUN ?= $(REPORTS)
site: build
	@test -f $(RUN)/run.json || { echo "there is no run in $(RUN): run \`make reports\`, or name one: make site RUN=DIR" >&2; exit 1; }
	rm -rf $(SITE)
	$(BIN) catalogue $(RUN) --out $(SITE)

SITE = $(TARGET)/site

# The pictures that README and docs show: that of the drain matrix, by the browser of the tests, from a run of its own. The drawings
# of a hang are made from the fixtures.
pictures: test-packages kernel
	$(CARGO) build --locked --quiet --package lvs-matrix-kept
	$(TARGET)/debug/kept renew
	rm -rf $(PICTURED)
	$(BIN) run scenarios/drain.yaml --out $(PICTURED)
	LVS_MATRIX_PICTURE_OF=$(abspath $(PICTURED)/report.html) LVS_MATRIX_PICTURE=$(abspath $(PICTURED)/drain.base64) \
	  $(CARGO) test --locked --quiet --package lvs-matrix --test browser picture_of_the_drain_matrix
	base64 --decode $(PICTURED)/drain.base64 > docs/pictures/drain.webp

PICTURED = $(TARGET)/pictures

# Tests that look at each kept cell look at each cell of a whole run instead: `make every-cell RUN=lvs-matrix-out/latest`.
every-cell: export LVS_MATRIX_CELLS = $(abspath $(RUN))
every-cell:
	$(CARGO) test --locked --no-fail-fast --workspace --test stored --test controls --test explain --test drawings

RUN ?= $(REPORTS)

# What building and running takes, and nothing that only the tests take.
packages:
	@.ci/packages run

test-packages:
	@.ci/packages test

mysql56:
	@.ci/mysql56 $(CACHE)/mysql-5.6 >/dev/null || { [ $$? = 69 ] && [ "$(MYSQL56)" != required ]; }

build: packages
	$(CARGO) build --locked --release --package lvs-matrix

# About six minutes the first time, on two cores; later it is found in the cache. (`make test` looks for it with its own,
# unoptimised build: a second build only for that would take longer than the tests.)
kernel: build
	@$(BIN) kernel build >/dev/null

# Builds lines of User-mode Linux and runs every shipped scenario on them, and the core ones on stock kernels in QEMU, side by side:
# hours on two cores.
kernels: export UML_LINES = 5.10 6.1 6.12 7.2
kernels: export STOCK = $(UML_LINES:%=package:linux-image-%-cloud-amd64)
kernels: build
	@.ci/packages kernels
	.ci/kernels $(BIN) $(TARGET)/kernels

# A tarball and a Debian package with program, guest kernel, scenarios, manual pages and completions, and a Containerfile, in
# $(DIST). cargo-deb is installed there the first time, unless it is in PATH.
dist: export CARGO_DEB_VERSION = 3.8.0
dist: kernel
	.ci/dist $(abspath $(BIN)) $(abspath $(DIST))

DIST = target/dist

clean:
	$(CARGO) clean
	rm -rf lvs-matrix-out
