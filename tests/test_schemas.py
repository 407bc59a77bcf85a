"""Every parameter that takes a schema takes DDL text."""

from __future__ import annotations

import inspect
import typing
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType
from typing_extensions import is_typeddict

import shopsmart_etl
from shopsmart_etl import InvalidArgumentError, RelationalModel, UnsupportedError, conform, flatten_struct

if TYPE_CHECKING:
    from collections.abc import Iterator

DDL = "id INT, items ARRAY<STRUCT<sku: STRING>>, at STRUCT<day: DATE>"


def schema_parameters() -> Iterator[tuple[str, Any]]:
    """Yield the annotation of each public parameter or option that takes a schema."""
    for name in shopsmart_etl.__all__:
        public = getattr(shopsmart_etl, name)
        if is_typeddict(public) or inspect.isfunction(public):
            calls = [public]
        elif inspect.isclass(public) and not issubclass(public, Exception) and name != "Step":
            calls = [public.__init__]
        else:
            calls = [public.preview] if name == "Step" else []
        for one in calls:
            for parameter, hint in typing.get_type_hints(one).items():
                if parameter != "return" and (hint is StructType or StructType in typing.get_args(hint)):
                    yield f"{name}({parameter}=)", hint


def test_every_parameter_that_takes_a_schema_takes_ddl_text() -> None:
    found = dict(schema_parameters())
    assert {"conform(schema=)", "RelationalModel(schema=)", "Step(schema=)", "read_csv_logs(schema=)"} <= {*found}
    assert [name for name, hint in found.items() if str not in typing.get_args(hint)] == []


def test_ddl_text_is_parsed_by_the_active_session_where_there_is_no_dataframe(spark: SparkSession) -> None:
    schema = spark.createDataFrame([], DDL).schema
    assert flatten_struct().preview(DDL) == flatten_struct().preview(schema)
    assert conform(DDL).preview(DDL) == conform(schema).preview(schema)
    models = [RelationalModel(one, root="orders", key="id").preview() for one in (DDL, schema)]
    assert models[0] == models[1]
    for wrong in ("id bigint bigint", ""):
        with pytest.raises(InvalidArgumentError, match="schema: expected"):
            flatten_struct().preview(wrong)
        with pytest.raises(InvalidArgumentError, match="schema: expected"):
            RelationalModel(wrong, root="orders", key="id")


def test_ddl_text_is_refused_in_one_line_without_an_active_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SparkSession, "getActiveSession", lambda: None)
    for call in (
        lambda: flatten_struct().preview(DDL),
        lambda: conform(DDL).preview(StructType()),
        lambda: RelationalModel(DDL, root="orders", key="id"),
    ):
        with pytest.raises(UnsupportedError, match="schema: DDL text needs an active Spark session; got none"):
            call()
