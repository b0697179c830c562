# SPDX-License-Identifier: GPL-3.0-or-later
# Every target runs from a bare Debian or Ubuntu machine: `environment` installs what is missing first.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PROFILE ?= core
LOCAL_ENGINE ?= node
INVENTORY ?= inventories/local
VENV := .venv
MINIAPP := $(VENV)/bin/miniapp
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: help environment up down clean status ship promote rollback test bench check unit lint schema

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environment: ## Create or refresh the virtualenv (done by every other target)
	@local/bootstrap.sh

up: environment ## Bring up the local environment and deploy the twelve services (PROFILE=core|full, LOCAL_ENGINE=node|external)
	@$(MINIAPP) up --profile $(PROFILE) --engine $(LOCAL_ENGINE) --inventory $(INVENTORY)

down: environment ## Stop the local environment and remove every process, mount, interface and namespace of it
	@$(MINIAPP) down

clean: down ## The same, and remove the build caches and the virtualenv
	@$(MINIAPP) clean
	@rm -rf $(VENV) build

status: environment ## Show the services, their digests, signatures, sync and health
	@$(MINIAPP) status --inventory $(INVENTORY)

ship: environment ## Build, sign and deploy a version: make ship SERVICE=playhub VERSION=1.1.0
	@ansible-playbook -i $(INVENTORY) playbooks/ship.yml -e service=$(SERVICE) -e version=$(VERSION) -e approve=true

promote: environment ## Promote an existing version: make promote SERVICE=playhub VERSION=1.1.0 [APPROVE=true]
	@ansible-playbook -i $(INVENTORY) playbooks/promote.yml -e service=$(SERVICE) -e version=$(VERSION) -e approve=$(or $(APPROVE),false)

rollback: environment ## Revert the last promotion of a service: make rollback SERVICE=playhub
	@ansible-playbook -i $(INVENTORY) playbooks/rollback.yml -e service=$(SERVICE) -e approve=true

test: environment up ## Run every test of the profile against the live environment
	@MINIAPP_INFRA_REQUIRE_LIVE=1 MINIAPP_INFRA_PROFILE=$(PROFILE) pytest tests

bench: environment ## Measure against kubernetes.core, mitogen, kubectl and helm: make bench [ONLY=key,key] [PAIRS=5] [PUBLISH=true]
	@PYTHONPATH=tests python -m bench run $(if $(ONLY),--only $(ONLY)) --pairs $(or $(PAIRS),5) $(if $(filter true,$(PUBLISH)),--publish)

check: lint unit ## Lint, types and unit tests

lint: environment
	@ruff check .
	@ruff format --check .
	@mypy
	@yamllint --strict .
	@ansible-lint --offline --strict

unit: environment
	@pytest tests/unit

schema: environment ## Rewrite docs/schema from the environment model
	@python -m miniapp_infra.catalog schema
