# Everything works on a fresh machine with Python 3.11+, pip and make: each target sets up .venv by itself.

# The first that runs and is new enough: a name on PATH may be a shim for a version that is not there.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
READY := .venv/ready
TOOLS := .venv/tools
LOWEST := .venv/lowest
# Many tests wait for processes and servers: two for each of CI's two cores.
WORKERS := -n 4 --dist worksteal
# Hundreds of processes: each would compile the modules anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-lowest test-cluster test-gitops test-containers check docs fmt bench clean

demo: $(READY)  ## the example application: migrated, running, and a second version that is rehearsed and whose migration fails
	@$(BIN)/python examples/shop/demo.py

test: $(READY)  ## all tests but those that need a cluster; those beside Helm only where it can be fetched
	@test -x $(TOOLS)/helm || $(BIN)/python tools/get_helm.py >/dev/null || echo "no Helm for this machine: tests beside it are skipped"
	env -u KUBECONFIG $(BIN)/pytest $(WORKERS)

# Of this machine, on PATH or kept by pyenv. With all examples properties are tried by `make test`, and what rehearsals find out is
# the server's doing: the tests of the command do with these versions, too.
test-lowest: $(READY)  ## the same on Python 3.11, with the lowest versions of dependencies that pyproject.toml allows
	@oldest=$$(PATH="$$PATH:$$(printf '%s:' ~/.pyenv/versions/*/bin)" $(BIN)/uv python find --system 3.11 2>/dev/null) ; \
	$(BIN)/uv venv --quiet --clear --python "$${oldest:-$(BIN)/python}" $(LOWEST)
	@$(BIN)/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct --editable '.[dev]'
	env -u KUBECONFIG $(LOWEST)/bin/pytest $(WORKERS) --hypothesis-profile=few --ignore=tests/rehearsal

# Beside two others on two cores some tests run out of time: tests/cluster/conftest.py lists those that are tried again.
test-cluster: $(READY)  ## the tests on a real cluster: that of KUBECONFIG, else a node of this machine (Linux, root, Go)
	@$(BIN)/python tools/get_helm.py >/dev/null
	@KUBECONFIG=$${KUBECONFIG:-$$(tests/cluster/node/cluster up)} && export KUBECONFIG && \
	export PATH="$(CURDIR)/$(TOOLS):$$PATH" && \
	$(BIN)/pytest -m 'cluster and not alone' -n 3 && \
	$(BIN)/pytest -m 'cluster and alone'
	@test -n "$$KUBECONFIG" || echo "The node runs on; to end it: tests/cluster/node/cluster down"

# Kustomize-controller and the sync engine of Argo CD are built before, at the first time: no test is to wait for that. A file is run by
# one process, which starts the controller that it tests once.
test-gitops: $(READY)  ## the same cluster under the real tools of GitOps: Helm, the sync engine of Argo CD, Flux, kubectl
	@$(BIN)/python tools/get_helm.py >/dev/null
	@$(BIN)/python tests/support/go_drivers.py $(wildcard tests/gitops/drivers/*/)
	@KUBECONFIG=$${KUBECONFIG:-$$(tests/cluster/node/cluster up)} && export KUBECONFIG && \
	export PATH="$(CURDIR)/$(TOOLS):$$PATH" && \
	$(BIN)/pytest -m gitops -n 2 --dist loadfile tests/gitops

test-containers: $(READY)  ## releases in containers, with podman of this machine (Linux, root; Debian installs it)
	@settings=$$(tests/containers/engine) && eval "$$settings" && \
	if [ -n "$$KSU_TEST_ENGINE" ]; then $(BIN)/pytest -m containers -n 2 tests/containers tests/contract; fi

docs: $(READY)  ## the documentation as a site, in build/site; a link that leads nowhere fails it
	$(BIN)/zensical build --clean

check: $(READY)  ## formatting, lint, types, and the direction of imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(READY)  ## the only target that changes files
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: $(READY)  ## speed and memory beside `helm template`
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv

# The stamp is as old as the last complete installation: a half-made one is made again.
$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; say which: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
