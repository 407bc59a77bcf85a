SHELL := /bin/bash
PY := .venv/bin/python
# The Java that the set-up found. Spark runs on this machine alone, and says errors only.
SPARK = export JAVA_HOME="$$(cat .venv/java_home)" SPARK_LOCAL_IP=127.0.0.1 \
	SPARK_CONF_DIR="$(CURDIR)/examples/conf";
DEMO := demo-output
CASES := 200
KILLS := 20
PAIRS := 100
SEED := $(shell echo $$RANDOM)
# Test processes, each with a Spark session of about 2 GB that keeps one core busy.
PROCESSES := 2
# Another Spark, or options for another, that a user's shell may name: .venv has its own.
unexport SPARK_HOME SPARK_REMOTE PYTHONPATH PYSPARK_PYTHON PYSPARK_DRIVER_PYTHON PYSPARK_SUBMIT_ARGS
RUN = $(PY) -m pytest

.PHONY: help setup demo check test test-all test-slow test-exhaustive test-properties test-heavy test-faults test-nightly test-lake test-wheel \
	test-engines test-oldest test-connect test-pythons test-matrix bench-nested bench-quality bench-write bench-read \
	bench-gold generated format clean

help:
	@echo "make demo        simulate web servers and run both pipelines, from raw files to a report"
	@echo "make check       style, types and the tests without Spark: under a minute"
	@echo "make test        the checks and the tests on Spark: about five minutes"
	@echo "make test-all    everything that CI runs after that: half an hour"
	@echo "  its parts, each also a command:"
	@echo "  test-slow        examples, clusters, killed writers, pipelines, Databricks, other engines"
	@echo "  test-exhaustive  values, names, files and settings of all kinds"
	@echo "  test-lake        writes to the real Delta Lake and Iceberg"
	@echo "  test-heavy       a million dirty records; the widest real documents"
	@echo "  test-wheel       the built wheel, installed"
	@echo "  test-oldest      the oldest Spark"
	@echo "  test-connect     Spark Connect"
	@echo "  test-pythons     the oldest Python and the newest"
	@echo "make test-properties  the generated tests with more cases; CASES=200 sets how many"
	@echo "make test-engines  of the slow tests, those on Spark Connect, Sail and older Sparks alone"
	@echo "make test-faults  writers killed at a hundred moments, pairs of every two kinds, full disks: SEED=1 repeats a run"
	@echo "make test-nightly  that, the widest documents, and all values on Spark Connect"
	@echo "make test-matrix  the tests on PySpark 3.5 to 4.3, classic and Connect: hours"
	@echo "make bench-nested  nested data against other ways, side by side; BENCH=\"--orders 1000000\" sets the size"
	@echo "make bench-quality  rules and audit against none, and against another library"
	@echo "make bench-write  write_partitioned against plain ways to write skewed rows"
	@echo "make bench-read  the readers against plain spark.read; BENCH=\"--rows 1000000\" sets the size"
	@echo "make bench-gold  gold tables against the same by hand, and one day brought up to date against all"
	@echo "make generated   write again what is generated from the code: pinned signatures, tables of pages"
	@echo "make format      format the code"
	@echo "make clean       remove what these commands made"

setup:
	@.ci/setup

demo:
	@.ci/setup demo
	@rm -rf $(DEMO)
	@$(SPARK) $(PY) examples/demo.py --output $(DEMO)
	@echo "== Done. Raw files, silver and gold tables are in $(CURDIR)/$(DEMO):"
	@find $(DEMO) -mindepth 2 -maxdepth 3 -type d -not -name '*=*' -not -name '[._]*' | sort

check: setup
	@echo "== Style and types (half a minute)"
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m basedpyright
	@echo "== Tests without Spark (some seconds)"
	@$(RUN) -q -m "not spark and not slow"

test: check
	@echo "== Tests on Spark, two processes (some minutes)"
	@$(SPARK) $(RUN) -m "spark and not slow" -n $(PROCESSES) --dist loadfile

# These keep Spark's generated code, which `make test` turns off to save time (tests/support/engines.py).
test-all test-slow test-exhaustive test-properties test-heavy test-nightly test-lake test-wheel test-engines test-oldest test-connect test-pythons \
	test-matrix: export SHOPSMART_CODEGEN := 1

# The longest first, so that two at a time end together.
test-all: test-slow test-oldest test-exhaustive test-lake test-connect test-heavy test-pythons test-wheel

# Each is made once, however many commands need it and run at a time.
environment-%: setup
	@.ci/environment $*

# One run for all of these, so that they share a session and a Spark Connect server.
test-slow: environment-client environment-spark-3.5
	@echo "== Examples, clusters, killed writers, pipelines, Databricks, other engines (about ten minutes)"
	@$(SPARK) $(RUN) -m "slow and not exhaustive and not lake and not heavy"

# What make test tries with a few values, with all.
test-exhaustive: setup
	@echo "== Values, names, files and settings of all kinds (about five minutes)"
	@$(SPARK) $(RUN) -m "exhaustive and slow and not heavy"

test-properties: setup
	@echo "== Generated tests, $(CASES) cases each"
	@$(SPARK) SHOPSMART_CASES=$(CASES) $(RUN) -m "hypothesis and (not slow or exhaustive)" --hypothesis-profile=ci

# Compiled as far as Java compiles: a million rows are worth it.
test-heavy: setup
	@echo "== A million dirty records, the widest real documents, gold from many batches (about ten minutes)"
	@$(SPARK) JAVA_TOOL_OPTIONS=-XX:-UsePerfData $(RUN) -m "heavy and not nightly"

# The second run is that of Delta Lake and Iceberg.
test-faults: export SHOPSMART_SEED := $(SEED)
test-faults: export SHOPSMART_KILLS := $(KILLS)
test-faults: export SHOPSMART_PAIRS := $(PAIRS)
test-faults: setup environment-lake
	@echo "== Writers killed, $(KILLS) of each kind, and $(PAIRS) pairs of each two kinds: SHOPSMART_SEED=$(SEED)"
	@$(SPARK) $(RUN) -m "faults and not lake" -n $(PROCESSES) --dist worksteal
	@.ci/lake
	@$(SPARK) SHOPSMART_JARS="$(CURDIR)/build/jars" .venv-lake/bin/python -m pytest -m "faults and lake"

# What takes too long for every change.
test-nightly: test-faults environment-spark-4.3
	@echo "== The widest real documents, all of them (about fifteen minutes)"
	@$(SPARK) JAVA_TOOL_OPTIONS=-XX:-UsePerfData $(RUN) -m nightly
	@$(MAKE) --no-print-directory test-matrix CELLS=4.3-connect MATRIX='-m "exhaustive and slow and not heavy and not hypothesis"'

test-lake: environment-lake
	@.ci/lake
	@echo "== Delta Lake and Iceberg (about three minutes)"
	@$(SPARK) SHOPSMART_JARS="$(CURDIR)/build/jars" .venv-lake/bin/python -m pytest -m lake

# In a folder without the package's source, so that only the wheel can be imported.
test-wheel: setup
	@echo "== Building the wheel, and installing it into .venv-wheel"
	@rm -rf build/wheel && mkdir -p build/wheel
	@$(PY) -m build --wheel --installer uv --outdir build/wheel . >build/wheel/log 2>&1 || (cat build/wheel/log; exit 1)
	@.venv/bin/uv venv --quiet --clear --python $(PY) .venv-wheel
	@.venv/bin/uv pip install --quiet --python .venv-wheel "$$(ls build/wheel/*.whl)[spark,connect,report]" --group test
	@cp -R tests examples docs README.md CHANGELOG.md pyproject.toml build/wheel/
	@cd build/wheel && ../../.venv-wheel/bin/python -c 'import shopsmart_etl as e; assert "site-packages" in e.__file__'
	@echo "== The wheel: its names, and every example of its docstrings and of the README"
	@$(SPARK) cd build/wheel && ../../.venv-wheel/bin/python -m pytest -m smoke

# Spark Connect and Sail from a client without a JVM, and the oldest Spark against the newest.
test-engines: environment-client environment-spark-3.5
	@echo "== Spark Connect and Sail, from a client without a JVM, and older Sparks"
	@$(SPARK) $(RUN) -m engines

# The oldest Spark, without the generated tests. Its casts and functions differ, so all values are tried there too.
test-oldest: environment-spark-3.5
	@$(MAKE) --no-print-directory test-matrix CELLS=3.5-classic \
		MATRIX='-m "spark and not hypothesis and (not slow or exhaustive) and not heavy"'

# Spark Connect on the newest Spark, without the generated tests. Its server computes values as the classic Spark of the
# same version does, so a few are enough: what differs is how a plan is built and when it is analyzed.
test-connect: environment-spark-4.3
	@$(MAKE) --no-print-directory test-matrix CELLS=4.3-connect MATRIX='-m "spark and not hypothesis and not slow"'

# The oldest Python and the newest, on the newest Spark that each has: what needs no Spark, and every docstring's example.
test-pythons: environment-python-3.10 environment-python-3.13
	@for version in 3.10 3.13; do \
		echo "== Python $$version"; \
		$(SPARK) .venv-python-$$version/bin/python -m pytest -q -m "not slow and (not spark or smoke)" || exit 1; done

# CELLS="3.5-classic 4.3-connect" picks some; MATRIX='-m "spark and not slow"' goes to pytest.
test-matrix: setup
	@.ci/environment $(patsubst %,spark-%,$(or $(sort $(foreach cell,$(CELLS),$(firstword $(subst -, ,$(cell))))),3.5 4.0 4.1 4.2 4.3))
	@$(SPARK) $(PY) tests/support/matrix.py $(if $(CELLS),--cells $(CELLS)) $(MATRIX)

bench-nested: setup
	@$(PY) -m pip install --quiet --group bench
	@$(SPARK) for what in driver execution relationalize; do echo "== $$what"; \
		$(PY) benchmarks/nested.py $$what $(BENCH) || exit 1; done

bench-write: setup
	@$(SPARK) $(PY) benchmarks/write.py $(BENCH)

bench-read: setup
	@$(SPARK) for what in csv json wide; do echo "== $$what"; $(PY) benchmarks/read.py $$what $(BENCH) || exit 1; done

bench-quality: setup
	@$(PY) -m pip install --quiet --group bench
	@$(SPARK) for what in audit dqx; do echo "== $$what"; $(PY) benchmarks/quality.py $$what $(BENCH) || exit 1; done

bench-gold: setup
	@$(SPARK) for what in tables incremental; do echo "== $$what"; $(PY) benchmarks/gold.py $$what $(BENCH) || exit 1; done

generated: setup
	@$(PY) tests/support/generated.py

format: setup
	@$(PY) -m ruff check --fix . ; $(PY) -m ruff format .

clean:
	rm -rf .venv .venv-wheel .venv-lake .venv-client .venv-spark-* .venv-python-* build dist $(DEMO) *.egg-info \
		.pytest_cache .mypy_cache .ruff_cache .hypothesis
	@# What Python and Spark leave in the folders they run in. Never a user's own ignored files, as git clean would.
	rm -rf spark-warehouse metastore_db derby.log artifacts
	@find shopsmart_etl tests examples benchmarks docs \( -name __pycache__ -o -name spark-warehouse -o -name metastore_db \
		-o -name derby.log -o -name artifacts \) -prune -exec rm -rf {} +
