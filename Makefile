# make test, demo, bench, lint: each from a fresh clone, with python3, g++ and make.
#
# `.venv` is made when it is missing. A stamp per extra says that the project is installed with
# it; the stamps are stale when something that is compiled, or the list of packages, changed.

PYTHON3 ?= python3
PYTHON := .venv/bin/python
PIP := $(PYTHON) -m pip -qq --disable-pip-version-check
CORE := pyproject.toml CMakeLists.txt $(shell find cpp -name '*.cpp' -o -name '*.hpp')

.PHONY: test demo bench lint install clean

test: .venv/stamp-test
	$(PYTHON) -m pytest

demo: .venv/stamp-demo
	$(PYTHON) examples/demo.py

bench: .venv/stamp-bench
	$(PYTHON) -m benchmarks.run

lint:
	.ci/run lint

# What CI works with: the demo's packages too, so that its tests run.
install: .venv/stamp-test,demo
	touch .venv/stamp-test .venv/stamp-demo

clean:
	rm -rf .venv build demo

.venv/stamp-pip:
	$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flipslide needs Python 3.11 or newer")'
	$(PYTHON3) -m venv .venv
	$(PIP) install --upgrade 'pip>=25.1'
	touch $@

.venv/stamp-%: .venv/stamp-pip $(CORE)
	$(PIP) install --editable '.[$*]'
	touch $@
