"""Documents whose shape changed are conformed to what they were, or rescued whole."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DecimalType,
    DoubleType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)
from strategies import few_batches, plain

from shopsmart_etl import InvalidArgumentError, SchemaDriftError, conform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
UNITS = {"epoch_seconds": 1, "epoch_millis": 10**3, "epoch_micros": 10**6, "epoch_nanos": 10**9}
SHAPES: tuple[Literal["single_object"], Literal["empty_array"]] = ("single_object", "empty_array")
# A value that a column of another type or shape holds, and is a mismatch.
MISMATCH = object()


class Drift(NamedTuple):
    """The type of a field in the schema, and the type that it has in the documents."""

    target: DataType
    source: DataType


def struct(fields: list[Drift], *, with_extra: bool) -> Drift:
    targets = [StructField(f"f{index}", one.target) for index, one in enumerate(fields)]
    sources = [StructField(f"f{index}", one.source) for index, one in enumerate(fields)]
    extra = [StructField("extra", LongType())] if with_extra else []
    return Drift(StructType(targets), StructType([*extra, *sources]))


def array(one: Drift) -> Drift:
    return Drift(ArrayType(one.target), ArrayType(one.source))


def mapping(one: Drift) -> Drift:
    return Drift(MapType(StringType(), one.target), MapType(StringType(), one.source))


NUMBERS = st.sampled_from(
    [Drift(LongType(), one) for one in (LongType(), DoubleType(), DecimalType(12, 2), StringType())]
)
TIMES = st.just(Drift(TimestampType(), LongType()))
SCALARS = NUMBERS | TIMES


def structs(of: st.SearchStrategy[Drift]) -> st.SearchStrategy[Drift]:
    return st.builds(struct, st.lists(of, min_size=1, max_size=3), with_extra=st.booleans())


def nested(of: st.SearchStrategy[Drift]) -> st.SearchStrategy[Drift]:
    objects = structs(of) | structs(of).map(mapping)
    single = objects.map(lambda one: Drift(ArrayType(one.target), one.source))
    empty = objects.map(lambda one: Drift(one.target, ArrayType(LongType())))
    return objects | objects.map(array) | single | empty


FIELDS = st.recursive(SCALARS, nested, max_leaves=6)


def read(value: Any, drift: Drift, units: int) -> Any:  # noqa: PLR0911 - a case for each kind of drift
    """Read a value as the schema has it, in plain Python; MISMATCH if it cannot be."""
    target, source = drift
    if value is None:
        return None
    if isinstance(target, ArrayType) and not isinstance(source, ArrayType):
        return [kept(read(value, Drift(target.elementType, source), units))]
    if isinstance(source, ArrayType) and not isinstance(target, ArrayType):
        if value:
            return MISMATCH
        return {} if isinstance(target, MapType) else (None,) * len(target.fields)  # type: ignore[attr-defined]
    if isinstance(target, StructType):
        assert isinstance(source, StructType)
        found = dict(zip(source.names, value, strict=True))
        return tuple(
            kept(read(found[one.name], Drift(one.dataType, source[one.name].dataType), units)) for one in target.fields
        )
    if isinstance(target, ArrayType):
        assert isinstance(source, ArrayType)
        return [kept(read(item, Drift(target.elementType, source.elementType), units)) for item in value]
    if isinstance(target, MapType):
        assert isinstance(source, MapType)
        return {key: kept(read(one, Drift(target.valueType, source.valueType), units)) for key, one in value.items()}
    if isinstance(target, TimestampType):
        micros = Decimal(value) * 10**6 / units
        is_time = micros == int(micros) and -62135596800000000 <= micros <= 253402300799999999
        return EPOCH + timedelta(microseconds=int(micros)) if is_time else MISMATCH
    number = Decimal(value)
    return int(number) if number == int(number) else MISMATCH


def kept(value: Any) -> Any:
    return None if value is MISMATCH else value


def rescued(value: Any, drift: Drift, units: int) -> Any:  # noqa: PLR0911 - a case for each kind of drift
    """Return what has no place in the schema, in the structure of the document; None if everything has one."""
    target, source = drift
    if value is None:
        return None
    if read(value, drift, units) is MISMATCH:
        return as_json(value)
    if isinstance(target, ArrayType) and not isinstance(source, ArrayType):
        return rescued(value, Drift(target.elementType, source), units)
    if isinstance(source, StructType) and isinstance(target, StructType):
        parts = {}
        for one, item in zip(source.fields, value, strict=True):
            part = (
                rescued(item, Drift(target[one.name].dataType, one.dataType), units)
                if one.name in target.names
                else item
            )
            if part is not None:
                parts[one.name] = part
        return parts or None
    if isinstance(source, ArrayType) and isinstance(target, ArrayType):
        items = [rescued(item, Drift(target.elementType, source.elementType), units) for item in value]
        return items if any(item is not None for item in items) else None
    if isinstance(source, MapType) and isinstance(target, MapType):
        entries = {key: rescued(one, Drift(target.valueType, source.valueType), units) for key, one in value.items()}
        return entries if any(one is not None for one in entries.values()) else None
    return None


def as_json(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value


def without_empties(value: Any) -> Any:
    """Return JSON without its empty parts, which are there beside a part that is rescued."""
    if isinstance(value, dict):
        parts = {key: without_empties(item) for key, item in value.items()}
        return {key: part for key, part in parts.items() if part is not None} or None
    if isinstance(value, list):
        items = [without_empties(item) for item in value]
        return items if any(item is not None for item in items) else None
    return value


def values(of: DataType) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - a case for each type
    """Generate values of which about a half can be read."""
    if isinstance(of, StructType):
        return st.none() | st.tuples(*(values(one.dataType) for one in of.fields))
    if isinstance(of, ArrayType):
        return st.none() | st.lists(values(of.elementType), max_size=2)
    if isinstance(of, MapType):
        return st.none() | st.dictionaries(st.sampled_from(["a", "b"]), values(of.valueType), max_size=2)
    if isinstance(of, DoubleType):
        return st.none() | st.sampled_from([0.0, 1000.0, -7.0, 0.5, 2.0**53])
    if isinstance(of, DecimalType):
        return st.none() | st.sampled_from([Decimal("1000.00"), Decimal("-7.00"), Decimal("0.50")])
    if isinstance(of, StringType):
        return st.none() | st.sampled_from(["1000.0", "1000", "-7.00", "0.5"])
    seconds = st.sampled_from([0, 1, 1_700_000_000, -1, 1_700_000_000_123, 1_700_000_000_123_456_789])
    return st.none() | seconds


@contextmanager
def ansi(spark: SparkSession, enabled: str) -> Iterator[None]:
    before = str(spark.conf.get("spark.sql.ansi.enabled"))
    spark.conf.set("spark.sql.ansi.enabled", enabled)
    try:
        yield
    finally:
        spark.conf.set("spark.sql.ansi.enabled", before)


@pytest.mark.hypothesis
@few_batches
@given(st.data(), st.sampled_from(list(UNITS)))
def test_a_change_of_shape_at_any_depth_is_read_by_the_schema_or_rescued_whole(
    spark: SparkSession, data: st.DataObject, unit: str
) -> None:
    drift = struct(data.draw(st.lists(FIELDS, min_size=1, max_size=8)), with_extra=data.draw(st.booleans()))
    assert isinstance(drift.target, StructType)
    assert isinstance(drift.source, StructType)
    row = st.tuples(*(values(one.dataType) for one in drift.source.fields))
    drawn = data.draw(st.lists(row, min_size=1, max_size=12))
    step = conform(drift.target, on_extra="rescue", on_mismatch="null", accept_shapes=SHAPES, timestamp_formats=[unit])
    documents = spark.createDataFrame(drawn, drift.source)
    for enabled in ("true", "false"):
        with ansi(spark, enabled):
            found = documents.transform(step).collect()
        assert plain([tuple(one)[:-2] for one in found]) == plain([read(one, drift, UNITS[unit]) for one in drawn])
        left = [without_empties(json.loads(one["_rescued"] or "null")) for one in found]
        assert left == [without_empties(rescued(one, drift, UNITS[unit])) for one in drawn]


def test_extra_fields_inside_arrays_and_maps_are_kept_dropped_rescued_or_refused(spark: SparkSession) -> None:
    schema = "a ARRAY<STRUCT<n: BIGINT>>, m MAP<STRING, ARRAY<STRUCT<n: BIGINT>>>"
    row = ([(1, "x"), (2, None), None], {"k": [(3, "y")]})
    new = spark.createDataFrame([row, ([], {}), (None, None)], schema.replace("n: BIGINT", "n: BIGINT, s: STRING"))
    assert new.transform(conform(schema, on_extra="keep")).collect() == new.collect()
    with pytest.raises(SchemaDriftError) as caught:
        new.transform(conform(schema))
    assert [one.partition(":")[0] for one in caught.value.differences] == ["a.s", "m.s"]
    dropped = [([(1,), (2,), None], {"k": [(3,)]}), ([], {}), (None, None)]
    assert plain([tuple(one) for one in new.transform(conform(schema, on_extra="drop")).collect()]) == dropped
    found = new.transform(conform(schema, on_extra="rescue")).collect()
    assert plain([tuple(one)[:2] for one in found]) == dropped
    left = {"a": [{"s": "x"}, None, None], "m": {"k": [{"s": "y"}]}}
    assert [one["_rescued"] and json.loads(one["_rescued"]) for one in found] == [left, None, None]


def test_a_change_of_shape_that_is_not_accepted_is_refused_with_the_option_that_accepts_it(spark: SparkSession) -> None:
    new = spark.createDataFrame([((1,), [1])], "items STRUCT<n: INT>, customer ARRAY<INT>")
    wanted = "items ARRAY<STRUCT<n: INT>>, customer STRUCT<id: INT>"
    with pytest.raises(SchemaDriftError, match="accept_shapes='single_object' accepts") as caught:
        new.transform(conform(wanted))
    assert "accept_shapes='empty_array' accepts" in str(caught.value)
    nulled = new.transform(conform(wanted, on_mismatch="null")).first()
    assert nulled is not None
    assert tuple(nulled) == (None, None, ["items", "customer"])


def test_one_unit_after_another_is_tried_and_a_number_without_a_unit_is_no_time(spark: SparkSession) -> None:
    numbers = spark.createDataFrame(
        [(1.5, Decimal("1.5"), 1_700_000_000_000), (float("nan"), Decimal("1.0000000001"), None)],
        "d DOUBLE, e DECIMAL(20, 10), n BIGINT",
    )
    step = conform(
        "d TIMESTAMP, e TIMESTAMP, n TIMESTAMP", on_mismatch="null", timestamp_formats=["epoch_seconds", "epoch_millis"]
    )
    first, second = plain([tuple(one) for one in numbers.transform(step).collect()])
    half = EPOCH + timedelta(seconds=1.5)
    assert first == (half, half, EPOCH + timedelta(seconds=1_700_000_000), [])
    assert second == (None, None, None, ["d", "e"])
    with pytest.raises(SchemaDriftError, match="no lossless cast"):
        numbers.transform(conform("n TIMESTAMP", on_extra="drop"))


@pytest.mark.parametrize("wrong", ["other", ["single_object", "other"], [None], None, 1])
def test_unknown_shapes_are_refused_where_the_step_is_built(wrong: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="accept_shapes: expected"):
        conform("id INT", accept_shapes=wrong)


def test_an_unknown_option_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(InvalidArgumentError, match="an option of conform; did you mean 'accept_shapes'"):
        conform("id INT", accept_shape="empty_array")  # type: ignore[call-arg]
