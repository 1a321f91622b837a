# Two commands matter: `make book` and `make test`. All else is `.venv/bin/latentomics --help`.
.PHONY: book test test-portable claims html data bench sync lint clean
.DEFAULT_GOAL := book

BIN := .venv/bin
READY := .venv/.installed
TORCH := torch==2.13.0
NEW_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
# the first Python that is new enough and can make an environment
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell $(p) -c '$(NEW_ENOUGH)' 2>/dev/null && echo $(p))))
BROWSER = $(firstword $(foreach b,chromium chromium-browser google-chrome,$(shell command -v $(b))))
PYTEST := $(BIN)/python -m pytest
TWO := -n 2 --dist loadscope
NBVAL := --nbval --nbval-current-env --nbval-sanitize-with tests/sanitize.cfg --nbval-cell-timeout 900
# no recursive make: a line with one runs even under `make -n`
RENDER = $(BIN)/jupyter-book build . -n -W --keep-going -q; echo "the book: file://$(CURDIR)/_build/html/index.html"
clock = echo "make $@ took $$(( ($$(date +%s) - start) / 60 )) min $$(( ($$(date +%s) - start) % 60 )) s"

# one thread: sums in another order would change the last digits of stored outputs
export OMP_NUM_THREADS := 1
ifneq ($(wildcard ../shared/data/raw/.),)
export LATENTOMICS_DATA ?= $(abspath ../shared/data/raw)
endif

## every notebook afresh, then the pages
book: $(READY)
	@start=$$(date +%s); set -e; \
	$(BIN)/latentomics execute; \
	$(RENDER); \
	$(clock)

## the pages from stored outputs
html: $(READY)
	@set -e; $(RENDER)

test: $(READY)
	@start=$$(date +%s); set -e; \
	echo "== unit tests"; $(PYTEST) $(TWO) tests --ignore tests/browser; \
	echo "== notebooks against their stored outputs"; \
	PYTHONPATH=tests/notebooks $(PYTEST) $(TWO) -p nbval_gate -p no:cacheprovider $(NBVAL) notebooks; \
	echo "== the book"; $(RENDER); \
	echo "== the book in a browser without network"; \
	$(if $(BROWSER),$(PYTEST) tests/browser,echo "left out tests/browser: no Chromium here; install it (Debian: apt-get install chromium)"); \
	$(clock)

## the exported ledger, after a row or a number has changed
claims: $(READY)
	$(BIN)/python book/_ext/claims.py

## the same under other arithmetic: CHAPTERS="31 36" VARIANTS="Haswell threads", by default all
test-portable: $(READY)
	@start=$$(date +%s); set -e; \
	$(BIN)/python tests/portable.py $(CHAPTERS) $(VARIANTS:%=--variant %); \
	$(clock)

data: $(READY)
	@$(BIN)/latentomics data fetch

## speed beside the published loops, on one thread; minutes, on a quiet machine
bench: $(READY)
	@$(BIN)/python tests/bench

## the .ipynb of every edited .md
sync: $(READY)
	@$(BIN)/latentomics sync

lint: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

clean:
	rm -rf _build build dist .pytest_cache .ruff_cache .hypothesis .benchmarks

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python >= 3.11 with its venv module is needed; \
	python3 here is $$(python3 --version 2>&1) (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "making .venv with $$($(PYTHON) --version): some minutes, once"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt \
	  $(TORCH) -e '.[data,rerun,book,test]'
	@touch $@
