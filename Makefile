# Each target sets up what it needs. A fresh machine needs Python 3.11 or newer and make, nothing else.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOT := $(shell [ "$$(id -u)" = 0 ] && echo yes)
READY := $(VENV)/.ready
PORT ?= 8000
TESTS_AT_ONCE ?= 3

.PHONY: help run test lint check fix bench bench-text bench-lists bench-start bench-voice bench-chat bench-responder bench-soak screenshots lock clean browser

help: ## Say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(READY) ## Set up and start the demo (PORT=8000)
	$(BIN)/hub demo --port $(PORT)

# Sound and servers in real time on a machine that others may use: what failed is tried once more, alone.
test: $(READY) browser ## Set up and run all tests
	$(BIN)/python -m pytest -n $(TESTS_AT_ONCE) --dist loadfile -m "not real_time" \
		|| $(BIN)/python -m pytest --last-failed -m "not real_time"
	$(BIN)/python -m pytest -n 2 --dist loadfile -m real_time || $(BIN)/python -m pytest --last-failed -m real_time

check: lint test ## What CI runs: style, types, import contracts, tests

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(READY) ## Mend style where it can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: bench-start bench-text bench-lists bench-voice bench-chat bench-responder ## Measure all the figures

bench-start: $(READY) ## Start of the demo and of the command
	$(BIN)/python -m tests.bench.start

bench-text: $(READY) ## Acknowledgement and reply at speed
	$(BIN)/python -m tests.bench.text

bench-lists: $(READY) ## Inbox and thread with 100,000 interactions and 1,000,000 messages
	$(BIN)/python -m tests.bench.lists

bench-voice: $(READY) ## The voice loop with up to hundreds of calls in real time
	$(BIN)/python -m tests.bench.voice

bench-chat: $(READY) ## Thousands of idle web chat visitors, hundreds who write, and one who floods
	$(BIN)/python -m tests.bench.chat

bench-responder: $(READY) ## How soon a line of a responder is on its way to the caller
	$(BIN)/python -m tests.bench.responder

bench-soak: $(READY) ## Hundreds of calls: what is left of them
	$(BIN)/python -m tests.bench.soak

screenshots: $(READY) browser ## Pictures of every page into docs/screenshots
	$(BIN)/python -m tests.screenshots

lock: $(READY) ## Take the newest versions of all dependencies into requirements.txt
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --group dev --no-header --no-annotate --universal --upgrade -o requirements.txt

clean: ## Remove what was set up
	rm -rf $(VENV)

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name it with PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || $(MAKE) --no-print-directory venv-module
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $(READY)

.PHONY: venv-module
venv-module:
ifeq ($(ROOT),yes)
	apt-get update -qq && apt-get install -y -qq python3-venv
else
	@echo "Python's venv module is missing. Install it once: sudo apt-get install python3-venv"; exit 1
endif

browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
		|| $(MAKE) --no-print-directory chromium

.PHONY: chromium
chromium:
ifeq ($(ROOT),yes)
	apt-get update -qq && apt-get install -y -qq chromium
else
	@echo "The tests look at the pages in Chromium. Install it once: sudo apt-get install chromium"; exit 1
endif
