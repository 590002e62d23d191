# facewatchd: every command that a developer or a newcomer needs.  `make` alone lists them.

PYTHON ?= python3
SOAK_SECONDS ?= 300
SOAK_SEED ?= 1

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# uv installs the environment; where there is none, `make` gets one of its own.
UV := $(or $(shell command -v uv),.venv-uv/bin/uv)
READY := .venv/.ready
LOCKS := requirements.lock demo.lock systemd.lock

# The Python that is here is used, or the set-up stops: none is downloaded behind anyone's back.
export UV_PYTHON_DOWNLOADS := never
export SOAK_SECONDS SOAK_SEED

.PHONY: help
help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(READY) ## Run the demo; PHOTOS=DIR: on your photos; PHOTOS=DIR OUTPUT=DIR: the daemon
ifdef OUTPUT
	@[ -n "$${PHOTOS:-}" ] || { echo 'Name the folder of photos too: make run PHOTOS=DIR OUTPUT=DIR'; exit 2; }
	.venv/bin/facewatchd --root "$$(realpath -ms -- "$$PHOTOS")" --output "$$(realpath -ms -- "$$OUTPUT")"
else
	.venv/bin/facewatchctl demo $(if $(PHOTOS),"$$(realpath -ms -- "$$PHOTOS")")
endif

.PHONY: test
test: $(READY) ## Run all tests but the long ones
	.venv/bin/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: check
check: $(READY) ## Lint, formatting, types, layers
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

.PHONY: soak
soak: $(READY) ## Run the long tests, with a fixed seed (SOAK_SECONDS, SOAK_SEED)
	.venv/bin/python -m pytest -m soak --timeout $$((SOAK_SECONDS + 600))

.PHONY: table
table: $(READY) ## Show what intake, people.md and service.md promise, in full, and write the tables there
	.venv/bin/python -m pytest tests/system/test_intake_storms.py \
	    -m 'system or soak' -k 'not tenth' --table docs/intake.md
	.venv/bin/python -m pytest tests/system/test_intake_[!s]*.py tests/system/test_kill*.py \
	    tests/system/test_metadata.py -n 4 -m 'system or soak' -k 'not few' --table docs/intake.md
	.venv/bin/python -m pytest tests/system/test_session.py --table docs/people.md
	.venv/bin/python -m pytest tests/system/test_systemd.py tests/system/test_service_*.py \
	    tests/system/test_gentle_unit.py tests/system/test_hooks_systemd.py \
	    tests/system/test_who_may_do_what.py -m 'system or soak' --table docs/service.md

.PHONY: format
format: $(READY) ## Format the code and mend what the linter can
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

.PHONY: man
man: $(READY) ## Write the manual pages anew, from commands and documents
	.venv/bin/python -m docs.manual

.PHONY: setup
setup: $(READY) ## Make or renew the environment in .venv

# In an environment of its own: nothing else may need PyTorch, and from most registries it comes with
# gigabytes for graphics cards.  pip looks where it is told to (PIP_FIND_LINKS, PIP_EXTRA_INDEX_URL);
# the build "+cpu" is on PyTorch's own index.  facenet-pytorch's pins are left out by --no-deps.
.PHONY: torch
torch: ## Set up PyTorch in .venv-torch, beside which the long tests put two networks
	$(PYTHON) -m venv .venv-torch
	.venv-torch/bin/pip install --quiet --require-hashes --no-deps --requirement torch.lock

# As GNU's conventions have it: DESTDIR= stands for /, for packages.
prefix ?= /usr/local
sysconfdir ?= /etc
unitdir ?= $(prefix)/lib/systemd/system
INTO := $(DESTDIR)$(prefix)
HOME_OF_IT := $(INTO)/lib/facewatchd
CONFIGS := $(DESTDIR)$(sysconfdir)/facewatchd
MANUAL := $(patsubst docs/%,%,$(wildcard docs/man/man?/*))
LASTING := $(sysconfdir)/facewatchd /var/lib/facewatchd{,-*} /var/lib/private/facewatchd-hooks \
	/var/cache/facewatchd{,-*}
INSTALLED := $(addprefix $(INTO)/bin/,facewatchd facewatchctl facewatchd-hooks) \
	$(addprefix $(DESTDIR)$(unitdir)/,facewatchd.service facewatchd@.service facewatchd-hooks.service) \
	$(INTO)/lib/sysusers.d/facewatchd.conf $(INTO)/lib/tmpfiles.d/facewatchd.conf \
	$(INTO)/share/doc/facewatchd $(addprefix $(INTO)/share/,$(MANUAL))

.PHONY: install
install: ## Install as a service (DESTDIR, prefix, sysconfdir, unitdir, PYTHON)
	@$(MAKE) --no-print-directory install-check
	@$(MAKE) --no-print-directory install-program
	@$(MAKE) --no-print-directory install-files
ifeq ($(DESTDIR),)
	@if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then \
	    systemd-sysusers facewatchd.conf; \
	    systemd-tmpfiles --create facewatchd.conf; \
	    systemctl daemon-reload; \
	fi
endif
	@echo 'Installed. Next:'
	@echo '  1. name your folders:     $(sysconfdir)/facewatchd/facewatchd.yaml'
	@echo '  2. open them to the unit: facewatchctl unit   (on a terminal it says where to put that)'
	@echo '  3. start it:              systemctl enable --now facewatchd'

# Before anything is changed.
.PHONY: install-check
install-check:
	@$(CHECK_PYTHON)
	@case "$$($(PYTHON) -c 'import os, sys; print(os.path.realpath(sys.base_prefix))')/" in \
	    /home/*|/root/*|/tmp/*) \
	        echo "The service sees no homes, and $$(command -v $(PYTHON)) lies in one; name another: make install PYTHON=/usr/bin/python3"; \
	        exit 1;; \
	esac
	@if ! $(CAN_BUILD_SYSTEMD); then \
	    echo 'systemd-python, by which the service tells systemd how it is, is compiled here, and something for that is missing. Nothing was changed. Debian and Ubuntu:'; \
	    echo '  apt install gcc pkg-config libsystemd-dev python3-dev python3-venv'; \
	    echo 'Fedora:'; \
	    echo '  dnf install gcc pkgconf systemd-devel python3-devel'; \
	    exit 1; \
	fi

# The scripts in bin find their Python by their own place, so that DESTDIR is not in them.
.PHONY: install-program
install-program: | $(UV)
	$(UV) venv --quiet --clear --relocatable --no-project --python "$$(command -v $(PYTHON))" "$(HOME_OF_IT)"
	$(UV) pip sync --quiet --python "$(HOME_OF_IT)" --require-hashes --compile-bytecode install.lock
	$(UV) pip install --quiet --python "$(HOME_OF_IT)" --no-deps --compile-bytecode .

.PHONY: install-files
install-files:
	install -d "$(INTO)/bin" "$(CONFIGS)"
	ln -sfn ../lib/facewatchd/bin/facewatchd "$(INTO)/bin/facewatchd"
	ln -sfn ../lib/facewatchd/bin/facewatchctl "$(INTO)/bin/facewatchctl"
	ln -sfn ../lib/facewatchd/bin/facewatchd-hooks "$(INTO)/bin/facewatchd-hooks"
	for unit in systemd/*.service; do \
	    sed -e 's|/usr/local/bin/|$(prefix)/bin/|' -e 's|/etc/facewatchd/|$(sysconfdir)/facewatchd/|' "$$unit" \
	        | install -Dm644 /dev/stdin "$(DESTDIR)$(unitdir)/$${unit##*/}"; \
	done
	install -Dm644 systemd/sysusers.d/facewatchd.conf "$(INTO)/lib/sysusers.d/facewatchd.conf"
	install -Dm644 systemd/tmpfiles.d/facewatchd.conf "$(INTO)/lib/tmpfiles.d/facewatchd.conf"
	install -Dm644 config/facewatchd.yaml "$(INTO)/share/doc/facewatchd/facewatchd.yaml"
	install -Dm644 config/hooks.yaml "$(INTO)/share/doc/facewatchd/hooks.yaml"
	for page in $(MANUAL); do install -Dm644 "docs/$$page" "$(INTO)/share/$$page"; done
	@if [ -e "$(CONFIGS)/facewatchd.yaml" ]; then \
	    echo 'Your $(sysconfdir)/facewatchd/facewatchd.yaml stays as it is.'; \
	else \
	    install -m644 config/facewatchd.yaml "$(CONFIGS)/facewatchd.yaml"; \
	fi

.PHONY: uninstall
uninstall: ## Remove the program and the units; PURGE=1: what it knows and its configuration, too
ifeq ($(DESTDIR),)
	@if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then \
	    systemctl disable --quiet --now facewatchd-hooks.service facewatchd.service 2>/dev/null || true; \
	    systemctl stop 'facewatchd@*.service'; \
	fi
endif
	rm -rf "$(HOME_OF_IT)" $(foreach path,$(INSTALLED),"$(path)")
ifeq ($(DESTDIR),)
	@if command -v systemctl >/dev/null && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
endif
	@for kept in $(foreach path,$(LASTING),"$(DESTDIR)"$(path)); do \
	    [ -e "$$kept" ] || continue; \
	    if [ "$(PURGE)" = 1 ]; then echo "Removed: $$kept"; rm -rf "$$kept"; \
	    else echo "Kept: $$kept"; fi; \
	done
	@[ "$(PURGE)" = 1 ] || echo 'To remove these too: make uninstall PURGE=1'
	@echo 'Kept in any case: your photos, the output with its links, and the user facewatchd.'

.PHONY: clean
clean: ## Remove the environment and all caches
	rm -rf .venv .venv-uv .venv-torch .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -r {} +

.PHONY: lock
lock: $(UV) ## Choose newer versions of all dependencies, and write them down
	$(COMPILE) pyproject.toml --extra dlib --extra opencv --extra reports --extra apprise \
	    --group dlib-wheel --group test --group insightface --group check --output-file requirements.lock
	$(COMPILE) --group demo --no-deps --output-file demo.lock
	echo systemd-python | $(COMPILE) - --no-deps --no-annotate --output-file systemd.lock
	$(COMPILE) pyproject.toml --extra dlib --extra opencv --extra reports --extra apprise --extra systemd \
	    --group dlib-wheel --constraint requirements.lock --constraint systemd.lock \
	    --output-file install.lock

# Hashes tell what may be installed; no address tells from where.
COMPILE = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header

# Compiled once here: a daemon that may not write into .venv would compile at every start.
$(READY): $(LOCKS) pyproject.toml | $(UV)
	@$(CHECK_PYTHON)
	$(UV) venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" .venv
	@locks='requirements.lock demo.lock'; \
	if $(CAN_BUILD_SYSTEMD); then \
	    locks+=' systemd.lock'; \
	else \
	    echo 'Without systemd-python: it needs a C compiler, libsystemd-dev and the headers of Python.'; \
	fi; \
	set -x; \
	$(UV) pip sync --quiet --python .venv/bin/python --require-hashes --compile-bytecode $$locks
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --editable .
	@touch $@

.venv-uv/bin/uv:
	@$(CHECK_PYTHON)
	$(PYTHON) -m venv .venv-uv
	.venv-uv/bin/pip install --quiet 'uv>=0.9,<1'

CHECK_PYTHON = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	{ echo 'facewatchd needs Python 3.11 or newer; name one: make PYTHON=python3.12'; exit 1; }

# systemd-python comes as source only; what it includes tells whether it can be built here.
CAN_BUILD_SYSTEMD = { pkg-config --exists libsystemd && \
	printf '\#include <Python.h>\n\#include <systemd/sd-daemon.h>\n' | \
	cc -fsyntax-only -I"$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("include"))')" \
	    $$(pkg-config --cflags libsystemd) -x c - ; } 2>/dev/null
