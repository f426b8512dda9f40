# One command each. `make run` on a fresh checkout sets up first; nothing but Python 3.11+, git and make is needed.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
PY := .venv/Scripts/python.exe
else
PY := .venv/bin/python
endif
export TORCH EXTRAS
# Everything but what needs a browser, language models, a database or more than seconds.
FAST := not slow and not browser and not models and not cluster

.DEFAULT_GOAL := help
.PHONY: help setup run test test-cluster fast lint format bench wheel bundle docs lock

help:
	@echo "make run     启动聊天（第一次会先安装） · start the chat (sets up first)"
	@echo "make setup   安装到 .venv · install into .venv"
	@echo "make test    全部测试 · all tests          make fast    几秒钟的测试 · those that take seconds"
	@echo "make test-cluster  只测要服务器的（PostgreSQL、Milvus） · what needs PostgreSQL or Milvus alone"
	@echo "make lint    检查代码 · check the code     make format  整理代码 · tidy the code"
	@echo "make bench   在本机测速 · speed here       make wheel   打包到 dist/ · build the wheel"
	@echo "make bundle  做一个不用网络就能装的安装包（EXTRAS=none 只要基本的） · a bundle that installs without a network"
	@echo "make docs    重写由代码生成的文档 · write the documents made from code"
	@echo "make lock    重新锁定依赖的版本 · choose the versions of dependencies anew"

# The first Python of these that is new enough; the script says it in words where none is.
setup:
	@for python in "$(PYTHON)" python3 python3.13 python3.12 python3.11 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    exec "$$python" scripts/setup.py; fi; done; \
	echo "需要 Python 3.11 或更新的版本，这里是：$$($(PYTHON) --version 2>&1 | head -n 1)。装好后再运行一次。" >&2; \
	echo "Python 3.11 or newer is needed; here is: $$($(PYTHON) --version 2>&1 | head -n 1). Install one and try again." >&2; \
	exit 1

.venv/.ready: pyproject.toml requirements.lock scripts/setup.py
	@$(MAKE) --no-print-directory setup

run: .venv/.ready
	@$(PY) app.py

test: .venv/.ready
	@$(PY) -m pytest

test-cluster: .venv/.ready
	@$(PY) -m pytest -m cluster

fast: .venv/.ready
	@$(PY) -m pytest -m "$(FAST)"

lint: .venv/.ready
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: .venv/.ready
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

bench: .venv/.ready
	@$(PY) -m rag bench

wheel: .venv/.ready
	@$(PY) -m build --wheel --no-isolation

bundle: .venv/.ready
	@$(PY) scripts/bundle.py

docs: .venv/.ready
	@$(PY) scripts/docs.py

lock: .venv/.ready
	@$(PY) scripts/lock.py
