"""The package uses no feature that Databricks serverless, Spark Connect or streams do not support."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import shopsmart_etl

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = sorted(Path(str(shopsmart_etl.__file__)).parent.rglob("*.py"))
# Names of variables, imports and attributes; with a dot, of attributes only, since functools has a cache too.
FORBIDDEN = {
    "RDDs": {"rdd", "toJSON", "foreach", "foreachPartition"},
    "the Spark context": {"SparkContext", "SparkConf", "sparkContext", "_sc", "accumulator"},
    "caches": {".cache", ".persist", ".checkpoint", ".localCheckpoint", ".cacheTable", "StorageLevel"},
    "the JVM": {"_jvm", "_jdf", "_jsc", "_jc", "_jsparkSession", "py4j"},
    "global temp views": {"createGlobalTempView", "createOrReplaceGlobalTempView"},
    "Python in executors": {
        *("udf", "udtf", "pandas_udf", "arrow_udf"),
        *("mapInPandas", "mapInArrow", "applyInPandas", "applyInArrow"),
    },
}
SESSIONS = {"set", "unset"}  # of a conf


def words(node: ast.AST) -> Iterator[str]:
    """Yield the names that a node uses; attributes, also those of getattr, start with a dot."""
    if isinstance(node, ast.Attribute):
        yield f".{node.attr}"
    elif isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, (ast.Import, ast.ImportFrom)):
        for name in [*(alias.name for alias in node.names), getattr(node, "module", None) or ""]:
            yield from name.split(".")
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
        texts = (argument.value for argument in node.args if isinstance(argument, ast.Constant))
        yield from (f".{text}" for text in texts if isinstance(text, str))


def uses(source: str) -> list[str]:
    """List the forbidden features that a module uses, with line numbers."""
    uses_found = []
    for node in ast.walk(ast.parse(source)):
        uses_found += [
            f"{getattr(node, 'lineno', 0)}: {feature} ({word})"
            for word in words(node)
            for feature, names in FORBIDDEN.items()
            if names & {word, word.lstrip(".")}
        ]
        if isinstance(node, ast.Attribute) and node.attr in SESSIONS and {"conf", ".conf"} & set(words(node.value)):
            uses_found.append(f"{node.lineno}: the session's configuration ({node.attr})")
    return uses_found


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_a_module_uses_no_forbidden_feature(source: Path) -> None:
    assert uses(source.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("line", "feature"),
    [
        ("df.rdd.map(len)", "RDDs"),
        ("spark.sparkContext.broadcast(1)", "the Spark context"),
        ("from pyspark import SparkContext", "the Spark context"),
        ("spark.sparkContext.accumulator(0)", "the Spark context"),
        ("df.cache()", "caches"),
        ("df.persist()", "caches"),
        ("df.checkpoint()", "caches"),
        ("df._jdf.queryExecution()", "the JVM"),
        ("getattr(spark, '_jvm')", "the JVM"),
        ("import py4j.java_gateway", "the JVM"),
        ("df.createGlobalTempView('v')", "global temp views"),
        ("from pyspark.sql.functions import udf", "Python in executors"),
        ("F.pandas_udf(len, 'int')", "Python in executors"),
        ("df.mapInPandas(f, 'a int')", "Python in executors"),
        ("spark.conf.set('spark.sql.ansi.enabled', True)", "the session's configuration"),
        ("conf = spark.conf\nconf.set('a', 'b')", "the session's configuration"),
    ],
)
def test_the_scan_finds_forbidden_features(line: str, feature: str) -> None:
    assert any(feature in use for use in uses(line))


def test_the_scan_accepts_dataframe_operations() -> None:
    plan = "df.join(F.broadcast(other)).select(F.col('rdd'), F.lit('cache')).where(seen.union(set()))"
    assert uses(f"from functools import cache\n@cache\ndef one():\n    return {plan}") == []
