# wxbot: every target installs what it needs first; the second time that takes a fraction of a second.
PYTHON ?= python3
BIN := .venv/bin
INSTALL := @$(PYTHON) scripts/install.py
# Tests: how many processes (auto: two more than processors), and any further arguments for pytest (make test ARGS="-k ledger").
WORKERS ?= auto
ARGS ?=
# make test BROWSER=0 leaves out the tests that drive Chromium.
BROWSER ?= 1
# make storm: the same seed plans the same weather.
SEED ?= 7
MINUTES ?= 10
export BROWSER UPGRADE SEED

.DEFAULT_GOAL := help
.PHONY: help demo test check fmt lock assets bench proof storm browser screenshots wheel clean python

help: ## show this list
	@awk 'BEGIN {FS = ":.*## "; print "wxbot: make TARGET"} /^[a-z]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "$(PYTHON) was not found: install Python 3.11 or later, or name one: make PYTHON=/path/to/python3"; exit 1; }

demo: python ## start everything on this machine (FRESH=1 starts over, ONCE=1 plays the whole story and exits)
	$(INSTALL) demo
	@exec $(BIN)/wxbot demo $(if $(filter 1,$(FRESH)),--fresh) $(if $(filter 1,$(ONCE)),--once)

test: python ## install what the tests need and run them all (ARGS="-k word" for some, BROWSER=0 without Chromium)
	$(INSTALL) test
	@$(BIN)/pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal -m "not proof$(if $(filter 0,$(BROWSER)), and not browser)" $(ARGS)

check: python ## format, lint, types and the import contract; changes nothing
	$(INSTALL) check
	@failed=0; \
	for step in "ruff format --check ." "ruff check ." "mypy" "lint-imports --no-cache --no-logo"; do \
	  $(BIN)/$$step || failed=1; \
	done; \
	if [ $$failed = 1 ]; then echo "make check found faults (above); make fmt mends most of what ruff says"; exit 1; fi

fmt: python ## format the code and mend what the linter can mend
	$(INSTALL) check
	@$(BIN)/ruff check --fix --exit-zero .
	@$(BIN)/ruff format .

lock: python ## write requirements/*.lock and package-lock.json anew (UPGRADE=1 takes newer versions)
	$(INSTALL) check
	@$(BIN)/python scripts/lock.py

assets: python ## fetch the front-end packages and put what the pages use into wxbot/static/vendor
	$(INSTALL) assets

bench: python ## measure against bare baselines in the same run
	$(INSTALL) demo
	@$(BIN)/python scripts/bench.py $(ARGS)

proof: python ## run what make test leaves out: every fault and crash, kill -9, a storm, all pages on PostgreSQL
	$(INSTALL) test
	@together=0; alone=0; \
	$(BIN)/pytest -n 0 -m alone $(ARGS) || alone=$$?; \
	$(BIN)/pytest -n $(WORKERS) --maxprocesses 3 --dist worksteal --hypothesis-profile=proof -m "(proof or hypothesis) and not alone" $(ARGS) || together=$$?; \
	[ $$together = 5 ] || [ $$alone = 5 ] && exit $$(( together + alone - 5 )); \
	exit $$(( together + alone ))

storm: python ## let it storm over two boxes and judge from outside (SEED=7 MINUTES=10)
	$(INSTALL) test
	@STORM_SECONDS=$$(( $(MINUTES) * 60 )) $(BIN)/pytest -n 0 -s -m proof tests/storm $(ARGS)

browser: python ## run only the tests that drive Chromium
	$(INSTALL) test
	@$(BIN)/pytest -m browser $(ARGS)

screenshots: python ## take the pictures of the README anew, into docs/images/
	$(INSTALL) test
	@$(BIN)/python scripts/screenshots.py
	@$(BIN)/python scripts/screenshots_hall.py

wheel: python ## build a wheel with pages and front-end files inside, into dist/
	$(INSTALL) wheel
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls -l dist/*.whl

clean: ## remove what was built and installed here; data of the demo stays
	rm -rf .venv node_modules wxbot/static/vendor dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
