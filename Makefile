# make test, demo, bench, docs, lint: each from a fresh clone, with python3, g++ and make.
#
# `.venv` is made when it is missing. A stamp per extra says that the project is installed with
# it; the stamps are stale when something that is compiled, or the list of packages, changed.

PYTHON3 ?= python3
PYTHON := .venv/bin/python
PIP := $(PYTHON) -m pip -qq --disable-pip-version-check
CORE := pyproject.toml CMakeLists.txt $(shell find cpp -name '*.cpp' -o -name '*.hpp')

.PHONY: test demo bench bench-direct docs lint wasm test-wasm test-aarch64 wheels install clean

# Two workers, fewer generated problems and no slow tests: .ci/run makes up for both.
test: .venv/stamp-test
	FLIPSLIDE_TEST_PROFILE=$${FLIPSLIDE_TEST_PROFILE:-quick} $(PYTHON) -m pytest -m "not slow" -n 2 --dist worksteal

demo: .venv/stamp-demo
	$(PYTHON) examples/demo.py

# ISA=avx2 holds everybody to these instructions, CASES="1-D.*101" measures some cases.
bench: .venv/stamp-bench
	$(PYTHON) -m benchmarks.run $(if $(ISA),--isa $(ISA)) $(if $(CASES),--only "$(CASES)")

# The share of the measured peak, for each microkernel and instruction set.
bench-direct: .venv/stamp-bench
	$(PYTHON) -m benchmarks.direct

# The pages run their own code; a block that fails, or a warning, ends the build. The page in the site computes with the core.
docs: .venv/stamp-docs wasm
	$(PYTHON) -m sphinx --fresh-env --quiet --nitpicky --fail-on-warning --keep-going \
	  --builder html --doctree-dir docs/_build/doctrees docs docs/_build/html
	@echo docs/_build/html/index.html

# The core as the page computes with it, and its comparison with the native one under Node.
wasm: .venv/stamp-wasm
	$(PYTHON) cpp/wasm/build.py src/flipslide/playground/static/flipslide.wasm

test-wasm: wasm
	$(PYTHON) -m pytest -q tests/test_wasm.py

# The core for Arm, compiled and run here: Debian's packages g++-aarch64-linux-gnu and qemu-user.
test-aarch64:
	.ci/run aarch64

# In dist/, for x86-64 and Arm; no container is needed. Pythons that are here try those for this processor.
wheels:
	$(PYTHON3) wheels/build.py

lint:
	.ci/run lint

# What CI works with: the demo's packages too, so that its tests run.
install: .venv/stamp-test,demo,docs
	touch .venv/stamp-test .venv/stamp-demo .venv/stamp-docs

clean:
	rm -rf .venv build demo docs/_build

.venv/stamp-pip:
	$(PYTHON3) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flipslide needs Python 3.11 or newer")'
	$(PYTHON3) -m venv .venv
	$(PIP) install --upgrade 'pip>=25.1'
	touch $@

.venv/stamp-%: .venv/stamp-pip $(CORE)
	$(PIP) install --editable '.[$*]'
	touch $@
