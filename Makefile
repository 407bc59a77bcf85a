SHELL := /bin/bash
PY := .venv/bin/python
# The Java that the set-up found. Spark runs on this machine alone, and says errors only.
SPARK = export JAVA_HOME="$$(cat $(CURDIR)/.venv/java_home)" SPARK_LOCAL_IP=127.0.0.1 \
	SPARK_CONF_DIR="$(CURDIR)/examples/conf";
DEMO := demo-output
CASES := 200
QUICK := not heavy and not engines and not hypothesis
SLOW := cluster connect databricks declarative docs examples faults gold_duckdb real_data report

.PHONY: help setup demo test test-properties test-heavy test-faults test-lake test-wheel test-engines test-oldest test-matrix \
	bench-nested bench-quality bench-write bench-gold format clean

help:
	@echo "make demo        simulate web servers and run both pipelines, from raw files to a report"
	@echo "make test        the checks and the tests"
	@echo "make test-properties  the generated tests, with 200 cases each; CASES=50 sets how many"
	@echo "make test-heavy  the tests that take minutes"
	@echo "make test-faults  writers killed at thirty moments, executors too; full disks"
	@echo "make test-lake   writes to the real Delta Lake and Iceberg"
	@echo "make test-wheel  the tests once more, against the built wheel"
	@echo "make test-engines  Spark Connect and Sail, with a client without a JVM, and an older Spark, against the newest"
	@echo "make test-oldest  the quick tests on the oldest Spark, and on Connect"
	@echo "make test-matrix  the tests on PySpark 3.5 to 4.3, classic and Connect: hours"
	@echo "make bench-nested  nested data against other ways, side by side; BENCH=\"--orders 1000000\" sets the size"
	@echo "make bench-quality  rules and audit against none, and against another library"
	@echo "make bench-write  write_partitioned against plain ways to write skewed rows"
	@echo "make bench-gold  gold tables against the same by hand, and one day brought up to date against all"
	@echo "make format      format the code"
	@echo "make clean       remove what these commands made"

setup:
	@.ci/setup

demo: setup
	@rm -rf $(DEMO)
	@echo "== Simulating web servers"
	@$(SPARK) $(PY) examples/simulate.py --output $(DEMO)/bronze --days 120 --servers 2
	@echo "== CSV logs: read, impute, partition by country, gold"
	@$(SPARK) $(PY) examples/shopsmart_pipeline.py --input $(DEMO)/bronze/logs --output $(DEMO)/logs
	@echo "== JSON orders: read, flatten, explode, impute, partition by country, gold"
	@$(SPARK) $(PY) examples/nested_json_parser.py --input $(DEMO)/bronze/payloads/pages --records data \
		--output $(DEMO)/orders
	@echo "== Done. Raw files, silver and gold tables are in $(CURDIR)/$(DEMO):"
	@find $(DEMO) -mindepth 2 -maxdepth 3 -type d -not -name '*=*' | sort
	@echo "== Reports, to open in a browser"
	@$(PY) examples/report.py --gold $(DEMO)/orders/gold --audit $(DEMO)/orders/audit --title "JSON orders" \
		--output $(DEMO)/orders.html
	@$(PY) examples/report.py --gold $(DEMO)/logs/gold --audit $(DEMO)/logs/audit --title "CSV logs" \
		--output $(DEMO)/logs.html

test: setup
	@echo "== Style"
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@echo "== Types"
	@$(PY) -m mypy
	@echo "== Tests"
	@$(SPARK) $(PY) -m pytest

test-properties: setup
	@echo "== Generated tests, $(CASES) cases each"
	@$(SPARK) SHOPSMART_CASES=$(CASES) $(PY) -m pytest -m "hypothesis and not engines" --hypothesis-profile=ci

test-heavy: setup
	@echo "== Tests that take minutes"
	@$(SPARK) $(PY) -m pytest -m heavy

test-faults: setup
	@echo "== Writers killed: ten times each of an append, a replacement and a stream"
	@$(SPARK) SHOPSMART_KILLS=10 $(PY) -m pytest tests/test_faults.py

test-lake: setup
	@.ci/environment lake
	@.ci/lake
	@echo "== Delta Lake and Iceberg"
	@$(SPARK) SHOPSMART_JARS="$(CURDIR)/build/jars" .venv-lake/bin/python -m pytest tests/test_lake.py

# In a folder without the package's source, so that only the wheel can be imported; without what starts Sparks of its own.
test-wheel: setup
	@echo "== Building the wheel"
	@rm -rf build/wheel && mkdir -p build/wheel
	@$(PY) -m build --wheel --outdir build/wheel . >build/wheel/log 2>&1 || (cat build/wheel/log; exit 1)
	@echo "== Installing it into .venv-wheel"
	@$(PY) -m venv --clear .venv-wheel
	@.venv-wheel/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	@.venv-wheel/bin/python -m pip install --quiet "$$(ls build/wheel/*.whl)[spark,connect,report]" --group test
	@cp -R tests examples docs README.md CHANGELOG.md pyproject.toml build/wheel/
	@cd build/wheel && ../../.venv-wheel/bin/python -c 'import shopsmart_etl as e; assert "site-packages" in e.__file__'
	@echo "== Tests, against the wheel"
	@$(SPARK) cd build/wheel && SHOPSMART_DATA="$${SHOPSMART_DATA:-$(CURDIR)/../shared/data}" \
		../../.venv-wheel/bin/python -m pytest -m "$(QUICK)" $(SLOW:%=--ignore tests/test_%.py)

# Servers in processes of their own, a client without a JVM, and the oldest Spark beside the newest.
test-engines: setup
	@.ci/environment client spark-3.5
	@echo "== Spark Connect and Sail, from a client without a JVM, and older Sparks"
	@$(SPARK) $(PY) -m pytest -m engines

# The oldest Spark, and Connect on the newest, without the generated tests and those that start Sparks of their own.
test-oldest: setup
	@$(MAKE) --no-print-directory test-matrix CELLS="3.5-classic 4.3-connect" MATRIX='-m "$(QUICK)" $(SLOW:%=--ignore tests/test_%.py)'

# CELLS="3.5-classic 4.3-connect" picks some; MATRIX='-m "not heavy and not engines and not hypothesis"' goes to pytest.
test-matrix: setup
	@.ci/environment $(patsubst %,spark-%,$(or $(sort $(foreach cell,$(CELLS),$(firstword $(subst -, ,$(cell))))),3.5 4.0 4.1 4.2 4.3))
	@$(SPARK) $(PY) tests/matrix.py $(if $(CELLS),--cells $(CELLS)) $(MATRIX)

bench-nested: setup
	@$(PY) -m pip install --quiet --group bench
	@$(SPARK) for what in driver execution relationalize; do echo "== $$what"; \
		$(PY) benchmarks/nested.py $$what $(BENCH) || exit 1; done

bench-write: setup
	@$(SPARK) $(PY) benchmarks/write.py $(BENCH)

bench-quality: setup
	@$(PY) -m pip install --quiet --group bench
	@$(SPARK) for what in audit dqx; do echo "== $$what"; $(PY) benchmarks/quality.py $$what $(BENCH) || exit 1; done

bench-gold: setup
	@$(SPARK) for what in tables incremental; do echo "== $$what"; $(PY) benchmarks/gold.py $$what $(BENCH) || exit 1; done

format: setup
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

clean:
	rm -rf .venv .venv-wheel .venv-lake .venv-client .venv-spark-* build dist $(DEMO) .pytest_cache .mypy_cache .ruff_cache .hypothesis
