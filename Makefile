# The front door. `make help` says what each target does; `make run` and `make test` need nothing but Python, make and
# the package registry that pip or uv is set up for.
.DEFAULT_GOAL := help
PY ?=
DIR ?= demo
VENV := .venv
FUZZERS := $(sort $(wildcard tests/fuzz/fuzz_*.py))
PYTHON := $(VENV)/bin/python
export PYTHONUTF8 := 1
# Tests and the demonstration start many processes: what was compiled once need not be compiled again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup run test lint types layers pytest api-fuzz bench bench-phase4 bench-full bench-drain bench-million interop kills faults faults-short soak attacks proxy browser screens fuzz clean

help:  ## print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

$(VENV)/interpreter:
	@for p in $(PY) python3.13 python3.12 python3.11 python3 python; do \
	  $$p -c 'import sys; sys.exit(sys.version_info < (3,11))' 2>/dev/null && break; p=; done; \
	if [ -z "$$p" ]; then echo "Depesha needs Python 3.11 or newer; name one with: make PY=/path/to/python $(MAKECMDGOALS)" >&2; exit 1; fi; \
	echo "Making $(VENV) with $$($$p -V)"; \
	real=$$($$p -c 'import sys; print(sys.executable)'); \
	rm -rf $(VENV); \
	if uv --version >/dev/null 2>&1; then uv venv -q -p "$$real" $(VENV); else $$real -m venv $(VENV); fi
	@touch $@

# $(call install,FILE): hash-checked, by uv, or by pip (which takes a minute and shows its progress) where uv is missing.
define install
	@if uv --version >/dev/null 2>&1; then uv pip install -q --compile-bytecode --require-hashes -p $(PYTHON) -r $(1); \
	else echo "uv is not here; pip installs (about a minute; 'pip install uv' makes this quick)"; \
	  $(PYTHON) -m pip install --disable-pip-version-check --progress-bar on --require-hashes -r $(1); fi
endef

$(VENV)/ready: requirements.txt $(VENV)/interpreter
	$(call install,requirements.txt)
	@touch $@

$(VENV)/ready-test: tests/requirements.txt $(VENV)/ready
	$(call install,tests/requirements.txt)
	@touch $@

$(VENV)/ready-ci: .ci/requirements.txt $(VENV)/ready-test
	$(call install,.ci/requirements.txt)
	@touch $@

setup: $(VENV)/ready  ## make .venv with what the node needs

run: setup  ## two administrations on this machine exchange records; then look around in the browser (Ctrl-C ends it)
	@$(PYTHON) -m node demo --dir $(DIR)

test: lint types layers pytest  ## style, types, the rooms' order, and all tests that need no other programs

lint: $(VENV)/ready-test  ## ruff: style and common mistakes
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

types: $(VENV)/ready-test  ## mypy, strict
	@$(VENV)/bin/mypy

layers: $(VENV)/ready-test  ## imports between the rooms run downwards only
	@$(VENV)/bin/lint-imports

pytest: $(VENV)/ready-test  ## the tests, three at once: many wait for what two nodes do
	@$(PYTHON) -m pytest -n 3 --dist loadgroup -m "not interop and not browser and not kills and not proxy and not faults and not attacks and not api_fuzz" -q

api-fuzz: $(VENV)/ready-test  ## schemathesis on the programming interface at length, on both databases
	@$(PYTHON) -m pytest tests/api -m api_fuzz -v

interop: $(VENV)/ready-test  ## exchange with phase4, another implementation (needs Java 17 and Maven)
	@$(PYTHON) -m pytest tests/interop -m interop -v

kills: $(VENV)/ready-test  ## kill real nodes at every crash point under traffic, and at random
	@$(PYTHON) -m pytest tests/faults tests/adapters -m kills -v -s

faults: $(VENV)/ready-test  ## networks, disks, files and databases that fail under two real nodes
	@$(PYTHON) -m pytest tests/faults -m faults -v -s

soak: $(VENV)/ready-test  ## two nodes under all that may befall them for HOURS (24): memory, files and rows must be flat
	@$(PYTHON) -m tests.faults.soak $(or $(HOURS),24)

faults-short: $(VENV)/ready-test  ## of the faults those that CI runs: hosts, clocks, upgrade, two nodes on one home, one hostile peer
	@$(PYTHON) -m pytest tests/faults -n 2 -m "faults and short_faults" -v

attacks: $(VENV)/ready-test  ## published attacks on signature, encryption, MIME, gzip, HTTP and headers, against a running node
	@$(PYTHON) -m pytest tests/attacks -n 2 --dist loadgroup -q

proxy: $(VENV)/ready-test  ## exchange through nginx and HAProxy, set up as the how-to page says (needs both)
	@$(PYTHON) -m pytest tests/proxy -m proxy -v

browser: $(VENV)/ready-ci  ## every page in a real browser: accessibility, narrow screens, without JavaScript
	@$(PYTHON) -m pytest tests/browser -m browser -v

screens: $(VENV)/ready-ci  ## write pictures of every page to build/screens
	@$(PYTHON) -m pytest tests/browser -m browser -q --screens build/screens

fuzz: $(VENV)/ready-ci  ## fuzz what reads strangers' bytes, each of the fuzzers for a share of SECONDS (60 unless told)
	@for fuzzer in $(FUZZERS); do \
	  echo "$$fuzzer"; $(PYTHON) $$fuzzer -max_total_time=$$(( $(or $(SECONDS),60) / $(words $(FUZZERS)) )) || exit 1; done

bench: $(VENV)/ready-test  ## time the wire, exchanges between two nodes, and a node at work; about a quarter of an hour
	@$(PYTHON) -m tests.bench

bench-full: $(VENV)/ready-test  ## the same with more messages and rounds, a million in the lists; hours
	@$(PYTHON) -m tests.bench --full

bench-drain: $(VENV)/ready-test  ## 10,000 messages queued while the peer was down, once it is back
	@$(PYTHON) -m tests.bench --only drain --full

bench-million: $(VENV)/ready-test  ## lists, a case and pages among a million messages, on SQLite
	@$(PYTHON) -m tests.bench --only lists --full

bench-phase4: $(VENV)/ready-test  ## phase4 to phase4 beside Depesha to Depesha, in turn (needs Java 17 and Maven)
	@$(PYTHON) -m tests.bench --only phase4

clean:  ## remove .venv, the demonstration and what was built
	rm -rf $(VENV) demo build
