# make run    the demo: Waypost with a simulator of CleverTap and the BSPs
# make test   the whole suite, except what needs a browser
# make check  what the suite does not see: formatting, lint, types, import rules, migrations
# make bench  measures, and puts the figures into README.md (needs wrk, PostgreSQL and Redis)
# make pin    writes constraints.txt anew, after a change to the requirements
#
# PORT=8010 DATA_DIR=/tmp/other make run    runs a second one beside the first

PYTHON ?= $(shell for each in python3.11 python3 python; do \
	$$each -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo $$each && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Two of us may start at once in a fresh clone; one waits here until the other has installed.
LOCKED := $(if $(shell command -v flock),flock requirements.txt)

.PHONY: run test check bench pin install
.DEFAULT_GOAL := run

run: $(VENV)/installed
	@exec $(BIN)/python manage.py run_demo

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m "not browser" $(ARGS)

check: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check
	$(BIN)/python manage.py spectacular --urlconf campaigns.stats.urls --validate --fail-on-warn --file /dev/null

bench: $(VENV)/installed-dev
	$(BIN)/python -m bench $(ARGS)

$(VENV)/installed: requirements.txt constraints.txt
	@$(LOCKED) $(MAKE) --no-print-directory install FROM=requirements.txt STAMP=$@

$(VENV)/installed-dev: requirements.txt requirements-dev.txt constraints.txt
	@$(LOCKED) $(MAKE) --no-print-directory install FROM=requirements-dev.txt STAMP=$@

install:
	@test -n "$(PYTHON)" || { echo "Waypost needs Python 3.11. Name it with PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/pip || { echo "Creating $(VENV) …"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing $(FROM) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check -r $(FROM)
	@touch $(STAMP)

# From an empty environment, so that nothing is pinned which nobody requires.
pin:
	@rm -rf $(VENV)/pin && $(PYTHON) -m venv $(VENV)/pin
	@sed '/^-c /d' requirements.txt > $(VENV)/pin/requirements.txt && cp requirements-dev.txt $(VENV)/pin/
	@$(VENV)/pin/bin/pip install --quiet --disable-pip-version-check -r $(VENV)/pin/requirements-dev.txt
	@{ echo "# Every package an installation comes to, at the version it was tested with. Made by: make pin"; \
		$(VENV)/pin/bin/pip freeze; } > constraints.txt
	@rm -rf $(VENV)/pin
