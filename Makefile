# The two commands are `make run` and `make test`; each sets itself up, the first time in minutes,
# then at once. TORCH=cuda takes the torch with CUDA libraries instead of the one without.

VENV    ?= .venv
TORCH   ?= cpu
PYTHON3 ?= python3 python3.14 python3.13 python3.12 python3.11
python  := $(VENV)/bin/python
runtime := $(VENV)/.runtime-$(TORCH)
dev     := $(VENV)/.dev-$(TORCH)
install := $(python) -m pip install --disable-pip-version-check --quiet
export TORCH
# A process a core, at most four: tests/conftest.py says what has to follow one another.
parallel := --numprocesses auto --maxprocesses 4 --dist loadgroup

.DEFAULT_GOAL := help
.PHONY: help run test docs thorough bench reproduce claims faults pictures audit lock format clean

help:  ## list the commands
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1	\2/p' Makefile | expand -t 16

run: $(runtime)  ## serve the dashboard, with its worker, on http://127.0.0.1:8050
	@exec $(python) -m app

test: $(dev)  ## lint, type-check and run every test
	scripts/install_test_tools.sh $(python)
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy
	$(VENV)/bin/lint-imports --no-cache --no-logo
	$(python) -m pytest $(parallel)

docs: $(dev)  ## build the documentation into site/, and end where there is something to warn of
	$(python) -m scripts.docs

thorough: $(dev)  ## the longest tests, and new generated cases, for half an hour
	$(python) -m pytest -m "thorough or hypothesis" --hypothesis-profile search $(parallel)

bench: $(dev)  ## measure against the peers, side by side
	$(python) -m benchmarks

reproduce: $(runtime)  ## run a published table again: RECIPE=name, SHORT=1 for minutes; no name lists them
	@$(python) -m recipes $(RECIPE) $(if $(SHORT),--short)

OUT ?= claims
claims: $(runtime)  ## put every claim to the test on digits, in minutes: OUT=folder for JSON and pictures
	@mkdir -p $(OUT)
	@names=$$($(python) -m fa_engine experiments) || exit; \
	for name in $$(echo "$$names" | sed 1d | cut -f1); do \
	  $(python) -m fa_engine experiment $$name --json $(OUT)/$$name.json --plot $(OUT)/$$name.svg || exit; echo; \
	done

faults: $(dev)  ## kill, lock, fill and restart what a dashboard stands on
	$(python) -m benchmarks faults

pictures: $(dev)  ## take the pictures of docs/images from the running dashboard
	scripts/install_test_tools.sh $(python)
	$(python) -m scripts.pictures $(PICTURES)

audit: $(python)  ## ask PyPI what is known against the pinned packages (needs the network)
	@$(python) -m venv $(VENV)/audit
	@$(VENV)/audit/bin/python -m pip install --disable-pip-version-check --quiet pip-audit==2.10.1
	@# strict: a package that nobody could be asked about is no package that is well
	@$(VENV)/audit/bin/pip-audit --strict --no-deps --disable-pip \
	  -r requirements.txt -r requirements-dev.txt -r constraints.txt

lock: $(python)  ## write down the hashes of all that is installed (needs the network)
	@$(python) -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --disable-pip-version-check --quiet uv==0.13.9
	@$(python) scripts/lock.py $(VENV)/lock/bin/uv

format: $(dev)  ## format the code and fix what can be fixed
	$(python) -m ruff check --fix
	$(python) -m ruff format

clean:  ## remove the virtual environment and the caches; runs and data sets stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(python):
	@for python in $(PYTHON3); do \
	  if $$python -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; \
	  then echo "Making $(VENV) with $$($$python --version)"; exec $$python -m venv --clear $(VENV); fi; \
	done; \
	echo "No Python 3.11 to 3.14 with its venv module was found (tried: $(PYTHON3))." >&2; \
	echo "Debian, Ubuntu: apt-get install python3-venv. Or name one: make run PYTHON3=/path/to/python3" >&2; \
	exit 1

# The lock first: what it has not is torch, and what torch alone brings along.
$(runtime): $(python) requirements.txt constraints.txt requirements.lock scripts/install_torch.py
	@echo "Installing the requirements into $(VENV), a few minutes the first time"
	@$(install) --no-deps --require-hashes -r requirements.lock
	@$(python) scripts/install_torch.py
	@$(install) -r requirements.txt
	@touch $@

$(dev): $(runtime) requirements-dev.txt requirements-dev.lock
	@$(install) --no-deps --require-hashes -r requirements-dev.lock
	@$(install) -r requirements-dev.txt
	@touch $@
