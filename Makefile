# pulld: everything a person or a machine does with this repository. `make help` lists it.
#
# Each target installs the Debian packages that it needs, and only those that are missing (.ci/packages.sh).

SWIFT ?= swift
# Extra arguments for every `swift build` and `swift test`, for example SWIFT_FLAGS="--jobs 2".
SWIFT_FLAGS ?=
# Arguments for the program, for example DEMO_ARGS="--events 100".
DEMO_ARGS ?=
BENCH_ARGS ?=

BUILD_PACKAGES = libcurl4-openssl-dev libssl-dev libsqlite3-dev zlib1g-dev pkg-config
LINT_PACKAGES = systemd shellcheck
DEB_PACKAGES = dpkg-dev lintian
BOOT_PACKAGES = debootstrap systemd-container
TEST_PACKAGES = nginx-light openssl libwslay-dev iproute2 python3 python3-venv python3-jsonschema python3-yaml man-db \
	prometheus

.PHONY: help demo test lint soak bench release deb boot clean build-packages lint-packages test-packages deb-packages \
	boot-packages

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)$$/make \1 - \2/p' Makefile

# Built for debugging: half the time of a release build, and the first run is what a stranger waits for.
demo: build-packages ## a portal in a box and a subscriber: events on your terminal, no account needed
	$(SWIFT) build $(SWIFT_FLAGS) --product pulld
	@"$$($(SWIFT) build $(SWIFT_FLAGS) --show-bin-path)/pulld" demo $(DEMO_ARGS)

test: lint build-packages test-packages ## lint, then all tests
	$(SWIFT) build $(SWIFT_FLAGS) --build-tests
	@.ci/tests.sh $(SWIFT) test $(SWIFT_FLAGS) --skip-build --disable-xctest --no-parallel

lint: lint-packages ## formatting, the systemd units, shell scripts
	$(SWIFT) format lint --strict -r Package.swift Sources Tests Benchmarks
	.ci/unit.sh
	shellcheck .ci/run .ci/*.sh .ci/deb/p*

# Part of `test`, too, in a minute; here with the full figures.
soak: build-packages test-packages ## kill -9, rotations, holes, cut cables, full disks: what must never be lost, an hour and more
	$(SWIFT) build $(SWIFT_FLAGS) --build-tests
	@PULLD_ACCEPTANCE=1 .ci/tests.sh $(SWIFT) test $(SWIFT_FLAGS) --skip-build --disable-xctest --no-parallel --filter SoakTests

bench: build-packages ## throughput of each stage and of the whole path, beside the usual way of doing it
	$(SWIFT) build $(SWIFT_FLAGS) -c release --product pulld
	$(SWIFT) build $(SWIFT_FLAGS) -c release --product pulld-bench
	@"$$($(SWIFT) build $(SWIFT_FLAGS) -c release --show-bin-path)/pulld-bench" $(BENCH_ARGS)

# The linker of the Swift toolchain: the system's prints warnings about functions inside the runtime's own archives. All
# names are bound at the start, so that the table of them can be read-only from then on.
release: build-packages ## one stripped binary with the Swift runtime inside: .build/release/pulld
	$(SWIFT) build $(SWIFT_FLAGS) -c release --static-swift-stdlib -Xswiftc -use-ld=lld \
		-Xlinker -z -Xlinker now --product pulld
	@bin="$$($(SWIFT) build $(SWIFT_FLAGS) -c release --show-bin-path)/pulld"; strip "$$bin"; ls -l "$$bin"

deb: release deb-packages ## a Debian package, looked at by lintian: .build/deb/pulld_VERSION_ARCH.deb
	@rm -rf .build/deb
	@.ci/deb.sh "$$($(SWIFT) build $(SWIFT_FLAGS) -c release --show-bin-path)/pulld" .build/deb
	lintian --allow-root --fail-on error,warning .build/deb/*.deb

# As root: it makes a Debian of its own, by debootstrap, and boots it.
boot: deb boot-packages ## the package in a fresh Debian with systemd: install, start, reload, kill, upgrade, purge
	.ci/boot.sh .build/deb/*.deb

clean: ## remove everything that was built
	rm -rf .build

build-packages:
	@.ci/packages.sh $(BUILD_PACKAGES)

lint-packages:
	@.ci/packages.sh $(LINT_PACKAGES)

deb-packages:
	@.ci/packages.sh $(DEB_PACKAGES)

boot-packages:
	@.ci/packages.sh $(BOOT_PACKAGES)

test-packages:
	@.ci/packages.sh $(TEST_PACKAGES)
	@.ci/python.sh
