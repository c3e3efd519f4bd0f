# The front door; what it does is in scripts/ and CMakePresets.json. `make help` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo build test lint format sim sweep prove bench docs coverage install clean

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
SIM_SECONDS ?= 180

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## build, then watch two sagas: one completes, one is undone
	@scripts/install-deps build
	@scripts/build release skald-programs
	@scripts/demo

build: ## the release build, in build/release, with the web console
	@scripts/install-deps console
	@scripts/build release skald-programs

test: ## everything that CI checks, with a table of times and a tally at the end
	@scripts/install-deps test
	@scripts/test

lint: ## format, sizes, layers, purity, links, clang-tidy
	@scripts/install-deps test
	@scripts/build dev
	@scripts/lint

format: ## put every C file into the house's shape
	@scripts/install-deps test
	@scripts/format

sim: ## fresh worlds in the simulator for SIM_SECONDS (180); what fails is shrunk
	@scripts/install-deps build
	@scripts/build release skald-sim
	@scripts/sim release $(SIM_SECONDS)

sweep: ## the n-th allocation, file operation, call of SQLite fails: every SWEEP_EVERY-th (23)
	@scripts/install-deps test
	@scripts/build release
	@SWEEP_EVERY=$${SWEEP_EVERY:-23} scripts/sweep release

prove: ## the long proofs (hours, resumable), recorded in docs/proof/
	@scripts/install-deps test
	@scripts/prove

bench: ## every benchmark, on the release build; results in build/bench/
	@scripts/install-deps bench
	@scripts/build release
	@scripts/bench

docs: ## check the documentation
	@scripts/install-deps test
	@scripts/links

coverage: ## line coverage of the pure layers, with its gate
	@scripts/install-deps test
	@scripts/build coverage
	@scripts/coverage --run

install: build ## install the release build under PREFIX (/usr/local); DESTDIR is honoured
	@cmake --install build/release --prefix $(PREFIX)

clean: ## remove build/ (one's own build-* folders stay)
	@rm -rf build
