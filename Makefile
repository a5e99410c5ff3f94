# make test           everything that decides whether a change may land
# make bench          speed against psql \copy and sqlite3 .import (ARGS="--rows 10000000" for more rows)
# make test-thorough  the tests that kill, race and guess, with many more rounds
# make test-matrix    the database tests on the oldest and the newest PostgreSQL
# make fuzz           every reader of foreign bytes under cargo-fuzz, two hours in all (FUZZ_SECONDS=30 a target for a short look)
# make coverage       line coverage of the tests, the binary included
# make reference      writes the generated pages anew: commands, settings, exit codes

.PHONY: test bench test-thorough test-matrix fuzz coverage reference
.NOTPARALLEL:
SHELL := /bin/bash

test:
	bash tests/services/install.sh
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
	cargo build --locked --examples
	cargo test --locked --doc
	cargo test --locked --lib --bins
	bash tests/with-services.sh cargo test --locked --test suite

bench:
	bash tests/services/install.sh
	FIXTOOL_TEST_DURABLE=1 bash tests/with-services.sh cargo bench --locked --bench against_peers -- $(ARGS)

test-thorough:
	bash tests/services/install.sh
	FIXTOOL_TEST_THOROUGH=1 bash tests/with-services.sh cargo test --locked --test suite -- backup_faults conformance::round_trips

test-matrix:
	bash tests/services/install.sh
	bash tests/matrix.sh

FUZZ_SECONDS ?= 480

fuzz:
	bash tests/fuzz/run.sh $(FUZZ_SECONDS)

coverage:
	bash tests/services/install.sh
	bash tests/with-services.sh bash tests/coverage.sh

reference:
	FIXTOOL_TEST_WRITE=1 cargo test --locked --test suite -- cli_documents
