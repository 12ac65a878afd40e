# make run    the demo: Waypost with a simulator of CleverTap and the BSPs
# make test   the whole suite, except what needs a browser, on every processor
# make check  what the suite does not see: formatting, lint, types, import rules, migrations, and the
#             JavaScript of the pages (only this needs Node, 20 or newer)
# make mutants  puts small faults into the product and prints those that no test notices (hours; by hand)
# make bench  measures, and puts the figures into docs/benchmarks.md (needs wrk, PostgreSQL and Redis)
# make freeze VERSION=0.2.0  makes this tree a release: its migrations never change again (needs PostgreSQL)
# make pin    writes the .lock files anew, after a change to the requirements; ARGS=--upgrade takes newer versions
#
# PORT=8010 DATA_DIR=/tmp/other make run    runs a second one beside the first
# make test ARGS="tests/stats -n 0 -x"      runs some tests, one after the other, up to the first that fails

# The system's own Python if Waypost knows it, or the newest that it knows. It is started, not only found:
# a name on PATH may stand for a version that is not installed.
PYTHON ?= $(shell for each in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null \
	&& echo $$each && break; done)
PYTHONS := >=3.11,<3.15
# uv is quicker than pip, and fetches a Python where there is none. UV= leaves it out. Neither compiles what it
# installs: Python does so with each module that it imports, and those are few.
UV ?= $(shell command -v uv)
VENV := .venv
BIN := $(VENV)/bin
# Two of us may start at once in a fresh clone; one waits here until the other has installed.
LOCKED := $(if $(shell command -v flock),flock requirements.txt)

# Every process that a test starts would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test check mutants bench freeze pin install
.DEFAULT_GOAL := run

run: $(VENV)/installed
	@exec $(BIN)/python manage.py run_demo

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadscope --no-loadscope-reorder -m "not browser" $(ARGS)

check: $(VENV)/installed-dev node_modules/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check
	$(BIN)/python manage.py spectacular --urlconf stats.api.urls --validate --fail-on-warn --file /dev/null
	npm run --silent check

mutants: $(VENV)/installed-dev
	$(BIN)/python -m mutants $(ARGS)

bench: $(VENV)/installed-dev
	$(BIN)/python -m bench $(ARGS)

freeze: $(VENV)/installed-dev
	$(BIN)/python -m tests.upgrade.freeze $(VERSION)

$(VENV)/installed: requirements.lock
	@$(LOCKED) $(MAKE) --no-print-directory install FROM=$< STAMP=$@

$(VENV)/installed-dev: requirements-dev.lock
	@$(LOCKED) $(MAKE) --no-print-directory install FROM=$< STAMP=$@

node_modules/installed: package.json package-lock.json
	@node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null || { \
		echo "make check looks at the JavaScript too, and for that it needs Node 20 or newer with npm."; exit 1; }
	@npm ci --silent --no-audit --no-fund
	@touch $@

install:
	@test -n "$(UV)$(PYTHON)" || { echo "Waypost needs Python 3.11, 3.12, 3.13 or 3.14, and found none of them."; \
		echo "Name one: make run PYTHON=/path/to/python3.12"; exit 1; }
	@test -n "$(UV)" || test -x $(BIN)/pip || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) cannot make a virtual environment: its venv or ensurepip module is missing."; \
		echo "On Debian and Ubuntu a package brings it: sudo apt install python3-venv"; exit 1; }
	@test -x $(BIN)/$(if $(UV),python,pip) || { echo "Creating $(VENV) …"; \
		$(if $(UV),$(UV) venv --quiet --allow-existing --python '$(or $(PYTHON),$(PYTHONS))',$(PYTHON) -m venv) $(VENV); }
	@echo "Installing $(FROM) …"
	@$(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/pip install --quiet --no-compile \
		--disable-pip-version-check) --require-hashes -r $(FROM) $(if $(UV),|| { echo "uv cannot; now pip tries."; \
		$(MAKE) --no-print-directory install UV= FROM=$(FROM) STAMP=$(STAMP); })
	@touch $(STAMP)

# For every Python and system at once, so each line says where it applies. What is pinned stays, unless ARGS=--upgrade.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	--custom-compile-command "make pin" $(ARGS)
pin: $(VENV)/installed-dev
	$(LOCK) requirements.txt --output-file requirements.lock
	$(LOCK) requirements-dev.txt --constraints requirements.lock --output-file requirements-dev.lock
