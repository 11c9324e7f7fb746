# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# `make` tells what there is. Nothing has to be installed before: every target sees to what it needs, in .venv,
# .venv-3.13, node_modules and build, and for root through apt-get.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules

# Nobody's cloud account and no setting of this machine's Ansible and Python may find its way into a test. (One of those,
# PYTHONDONTWRITEBYTECODE, would have every task compile its SDK anew.)
FOREIGN := AWS_% AZURE_% ARM_% GOOGLE_% GCP_% GCE_% CLOUDSDK_% OCI_% BOTO_% ANSIBLE_% PYTHON%
unexport $(filter-out AWS_CA_BUNDLE,$(filter $(FOREIGN),$(.VARIABLES)))
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/build/collections
# A HOME for whatever could look for settings there. Installers keep the real one, which may tell them of a mirror, but
# put their caches here.
TEST_HOME := $(CURDIR)/build/home
AT_HOME := mkdir -p $(TEST_HOME); HOME=$(TEST_HOME)
# What is interrupted leaves nothing elsewhere.
export TMPDIR := $(CURDIR)/build/tmp
export PIP_CACHE_DIR ?= $(CURDIR)/build/cache/pip
export npm_config_cache ?= $(CURDIR)/build/cache/npm
export UV_CACHE_DIR ?= $(CURDIR)/build/cache/uv

BIN := .venv/bin
STEPS := $(BIN)/python -m tests.tools.steps

# The second lane: a newer Python and ansible-core, where such an interpreter is found.
LANE := 3.13
LANE_BIN := .venv-$(LANE)/bin
LANE_PYTHON := $(or $(wildcard $(LANE_BIN)/python),$(shell tests/tools/find-python $(LANE) exact))

# Makes either, so that a change of it makes both anew.
LANE_TOOL := $(addprefix tests/tools/,lane.py pip_settings.py)

LINTS := lint-mypy lint-ansible lint-ruff lint-yaml lint-reuse lint-changelog lint-shell
UNITS := unit-first unit-second unit-lowest
PROVIDER_UNITS := $(addprefix tests/unit/plugins/module_utils/,_aws/ _azure/ _gcp/ _oci/)
OTHER_UNITS := $(filter-out %/plugins/ %/module_utils/ %/__pycache__/ $(PROVIDER_UNITS),$(wildcard \
    tests/unit/*/ tests/unit/test_*.py tests/unit/plugins/*/ tests/unit/plugins/module_utils/*/))
SANITIES := sanity-first sanity-second
BUILDS := build-first build-second

.PHONY: help
help: ## tell what there is
	@echo "make TARGET, with one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

.PHONY: demo sandbox
demo: setup ## import images into four local clouds, then show what landed
	@$(BIN)/python -m tests.demo

sandbox: setup ## run four local clouds until Ctrl-C; any playbook then works with -e @build/sandbox.yml
	@$(BIN)/python -m tests.tools.foreground $(BIN)/python -m tests.sandbox serve \
		--integration-config tests/integration/integration_config.yml \
		--image "$$($(BIN)/python -m tests.image build --output build/image)" \
		--image "$$($(BIN)/python -m tests.image build --output build/image --arch aarch64)"

.PHONY: test
test: ## everything that CI runs
	@began=$$EPOCHSECONDS; \
	$(MAKE) setup-both; \
	exec $(STEPS) --began $$began integration modules targets $(UNITS) $(SANITIES) $(BUILDS) $(LINTS)

.PHONY: lint $(LINTS)
lint: setup ## formatting, types, ansible-lint, yamllint, licences, changelog, shell scripts
	@$(STEPS) $(LINTS)

lint-ruff: setup
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet

lint-mypy: setup
	$(BIN)/mypy

lint-yaml: setup
	$(BIN)/yamllint --strict .

# ansible-core takes a key that overrides one from `<<:` for a duplicate; real ones are yamllint's to find.
lint-ansible: setup
	$(AT_HOME) PATH=$(CURDIR)/$(BIN):$$PATH ANSIBLE_DUPLICATE_YAML_DICT_KEY=ignore \
	    $(BIN)/ansible-lint --offline --nocolor

lint-reuse: setup
	$(BIN)/reuse lint --quiet || $(BIN)/reuse lint

lint-changelog: setup
	$(AT_HOME) $(BIN)/antsibull-changelog lint

lint-shell: setup
	$(BIN)/shellcheck $$(git grep --untracked -n -E '^#!(/usr)?/bin/(env )?(ba)?sh' | sed -n 's/:1:.*//p')

.PHONY: unit sanity build
unit: setup-both ## the unit tests, on both lanes, and those of the providers with the lowest SDKs
	@$(STEPS) $(UNITS)

sanity: setup-both ## ansible-test sanity, on both lanes
	@$(STEPS) $(SANITIES)

build: setup-both ## the collection's tarball, in build/dist, and tried as an installed collection on both lanes
	@$(STEPS) $(BUILDS)

.PHONY: $(UNITS) $(SANITIES) $(BUILDS)
# SDK by SDK: ansible-test forks for each test, which takes the longer the more has been imported.
unit-first: setup
	for units in "$(OTHER_UNITS)" $(PROVIDER_UNITS); do \
	    $(BIN)/python -m tests.tools.ansible_test build/ansible-test/first units $$units; \
	done

# What only newer SDKs have shows here.
unit-lowest: build/lowest/.installed
	$(AT_HOME) PYTHONPATH=build/lowest $(BIN)/pytest -q -n 2 --basetemp build/tmp/unit-lowest $(PROVIDER_UNITS)

sanity-first: setup
	$(BIN)/python -m tests.tools.ansible_test build/ansible-test/first sanity

build-first: setup
	$(BIN)/python -m tests.tools.artifact build/dist build/installed/first

ifneq ($(LANE_PYTHON),)
# Not by ansible-test, which forks for each test and takes twice the time: the first lane shows that it can.
unit-second: setup-both
	$(AT_HOME) $(LANE_BIN)/pytest tests/unit -q -n 2 --basetemp build/tmp/unit-second

# The rules for tests are the same in each ansible-core: the first lane sees to them.
sanity-second: setup-both
	$(LANE_BIN)/python -m tests.tools.ansible_test build/ansible-test/second sanity plugins/ meta/

build-second: setup-both
	$(LANE_BIN)/python -m tests.tools.artifact build/installed/second/dist build/installed/second
else
unit-second sanity-second build-second:
	@echo "Left out: no Python $(LANE) is found here."
endif

.PHONY: modules targets integration
# One worker more than the cores that CI has: the tests wait a good deal. Likewise below.
modules: setup ## single modules over local clouds, in-process: faults, refusals, differences
	$(AT_HOME) $(BIN)/pytest tests/modules -n 3 --dist loadscope --basetemp build/tmp/modules

targets: setup ## ansible-test integration: a short story of each module, over local clouds
	@$(BIN)/python -m tests.tools.ansible_test build/ansible-test/first integration

integration: setup ## roles and playbooks over local clouds, and the imported disks booted
	$(AT_HOME) $(BIN)/pytest tests/integration -n 3 --dist loadfile --basetemp build/tmp/integration

.PHONY: setup setup-both system
setup: system ## install what the other targets need, and update it when requirements change
	@$(MAKE) --silent --jobs 2 --output-sync=target $(BIN)/.installed node_modules/.installed

# The packages come first: the others need the Python and the npm among them.
setup-both: system
	@$(MAKE) --silent --jobs 2 --output-sync=target $(if $(LANE_PYTHON),$(LANE_BIN)/.installed) \
	    $(BIN)/.installed node_modules/.installed

system: build/collections/ansible_collections/alpine/cloud
	@mkdir -p $(TMPDIR)
	@tests/tools/system-packages

$(BIN)/.installed: requirements.txt tests/requirements.txt tests/tools/requirements.txt $(LANE_TOOL)
	@python=$$(tests/tools/find-python 3.11) || { echo "Python 3.11 or newer is needed." >&2; exit 2; }; \
	"$$python" -m tests.tools.lane .venv $(filter %.txt,$^)
	@touch $@

$(LANE_BIN)/.installed: requirements.txt tests/requirements.txt $(LANE_TOOL)
	@"$(LANE_PYTHON)" -m tests.tools.lane .venv-$(LANE) $(filter %.txt,$^)
	@touch $@

build/lowest/.installed: requirements.txt $(BIN)/.installed
	@$(BIN)/python -m tests.tools.lane --lowest $(@D) .venv requirements.txt
	@touch $@

node_modules/.installed: package.json package-lock.json .npmrc
	@echo "Installing package-lock.json into node_modules"
	@npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# Ansible finds a collection only below a folder of this name.
build/collections/ansible_collections/alpine/cloud:
	@mkdir -p $(@D)
	@ln -sfn ../../../.. $@

.PHONY: clean distclean
clean: ## remove what was built, caches and reports
	rm -rf build tests/output .mypy_cache .pytest_cache .ruff_cache .hypothesis .ansible

distclean: clean ## and what was installed
	rm -rf .venv .venv-$(LANE) node_modules
