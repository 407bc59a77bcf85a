"""Properties of all public calls: checked arguments; steps are values, and can be previewed."""

from __future__ import annotations

import collections.abc
import copy
import inspect
import pickle
import types
import typing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from calls import SCHEMA, STEPS, class_calls, other_calls
from generated import INSTANTIATED_BY_USERS
from pyspark.sql import functions as F
from pyspark.sql.types import IntegerType, StringType, StructType

import shopsmart_etl
from shopsmart_etl import (
    InvalidArgumentError,
    Rule,
    Step,
    UnsupportedError,
    conform,
    flag_violations,
    flatten_struct,
    impute_financials,
    pipeline,
    write_partitioned,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pyspark.sql import DataFrame, SparkSession

FUNCTIONS = {
    name: getattr(shopsmart_etl, name)
    for name in shopsmart_etl.__all__
    if inspect.isfunction(getattr(shopsmart_etl, name)) and name != "translate_errors"
}
WRONG: list[Any] = [
    None,
    True,
    7,
    -1,
    2.5,
    b"x",
    "",
    " ",
    object(),
    [],
    ["id", 1],
    [None],
    {"id": 1},
    {"id": object()},
    {1: "id"},
    {1, 2},
    str,
    print,
]


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([], SCHEMA)


def fits(value: object, hint: Any) -> bool:  # noqa: PLR0911 - a case for each kind of annotation
    """Return whether a value may have the type of an annotation."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, argument) for argument in arguments)
    if origin is typing.Literal:
        return value in arguments and isinstance(value, str)
    if origin is collections.abc.Callable:
        return callable(value)
    if hint in (Any, object):
        return True
    if isinstance(value, str):
        return hint is str
    if hint is int and isinstance(value, bool):
        return False
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    runtime_type = origin or hint
    if not isinstance(runtime_type, type) or not isinstance(value, runtime_type):
        return False
    if isinstance(value, dict) and arguments:
        return all(fits(key, arguments[0]) and fits(item, arguments[1]) for key, item in value.items())
    return all(fits(item, arguments[0]) for item in value) if arguments and isinstance(value, (list, tuple)) else True


def wrong_calls(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[str, Any, Callable[[], Any]]]:
    """Yield calls in which one argument has a wrong type."""
    signature = inspect.signature(function)
    hints = typing.get_type_hints(function.__init__ if inspect.isclass(function) else function)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:  # a TypedDict of options
            (options,) = typing.get_args(hints[parameter.name])
            for option, hint in typing.get_type_hints(options).items():
                yield from (
                    (option, value, partial(function, *args, **{**kwargs, option: value}))
                    for value in WRONG
                    if not fits(value, hint)
                )
            continue
        for value in WRONG:
            if fits(value, hints[parameter.name]):
                continue
            bound = signature.bind(*args, **kwargs)
            bound.arguments[parameter.name] = (value,) if parameter.kind is parameter.VAR_POSITIONAL else value
            yield parameter.name, value, partial(function, *bound.args, **bound.kwargs)


def assert_wrong_calls_are_refused(
    name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    messages: list[str] = []
    for parameter, value, call in wrong_calls(function, args, kwargs):
        try:
            call()
        except InvalidArgumentError as error:  # noqa: PERF203 - each call is one case
            messages.append(str(error))
        except Exception as error:  # noqa: BLE001 - any other error is a failure of the test
            pytest.fail(f"{name}({parameter}={value!r}) raises {type(error).__name__}: {error}")
        else:
            pytest.fail(f"{name}({parameter}={value!r}) is accepted")
    assert messages
    assert [message for message in messages if "expected" not in message or "\n" in message] == []


def test_every_public_function_has_a_call(rows: DataFrame, tmp_path: Path) -> None:
    assert {*STEPS, *other_calls(rows, tmp_path)} == {*FUNCTIONS}


def test_every_public_class_and_method_with_parameters_has_a_call() -> None:
    public = {name: getattr(shopsmart_etl, name) for name in shopsmart_etl.__all__}
    methods = {
        f"{name}.{key}"
        for name, value in public.items()
        if inspect.isclass(value) and value.__module__.startswith("shopsmart_etl")
        for key, method in vars(value).items()
        if inspect.isfunction(method) and not key.startswith("_") and len(inspect.signature(method).parameters) > 1
    }
    own_rules = {f"rules.{name}" for name in shopsmart_etl.rules.__all__ if name != "references"}
    assert {*class_calls()} == {*INSTANTIATED_BY_USERS, "Step.__call__", *methods, *own_rules}


@pytest.mark.parametrize("name", sorted(class_calls()))
def test_an_argument_of_a_wrong_type_is_refused_by_classes_methods_and_rules(name: str) -> None:
    assert_wrong_calls_are_refused(name, *class_calls()[name])


def test_an_argument_of_a_wrong_type_is_refused_by_references(rows: DataFrame) -> None:
    assert_wrong_calls_are_refused("rules.references", shopsmart_etl.rules.references, ("id", rows, "id"), {})


@pytest.mark.parametrize("name", sorted(STEPS))
def test_an_argument_of_a_wrong_type_is_refused_when_the_step_is_built(name: str) -> None:
    assert_wrong_calls_are_refused(name, FUNCTIONS[name], *STEPS[name])


@pytest.mark.needs("variants")
def test_an_argument_of_a_wrong_type_is_refused_by_the_other_functions(rows: DataFrame, tmp_path: Path) -> None:
    for name, call in other_calls(rows, tmp_path).items():
        assert_wrong_calls_are_refused(name, FUNCTIONS[name], *call)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_step_is_a_value(name: str) -> None:
    args, kwargs = STEPS[name]
    step, equal_step = (FUNCTIONS[name](*args, **kwargs) for _ in range(2))
    assert step == equal_step
    assert hash(step) == hash(equal_step)
    assert step != flatten_struct("other")
    assert repr(step).startswith(f"{name}(")
    for restored in (pickle.loads(pickle.dumps(step)), copy.copy(step), copy.deepcopy(step)):  # noqa: S301 - our own
        assert restored == step
        assert repr(restored) == repr(step)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_a_preview_shows_the_resulting_columns(name: str, rows: DataFrame) -> None:
    step = FUNCTIONS[name](*STEPS[name][0], **STEPS[name][1])
    previewed = [(column, data_type) for _, column, data_type in step.preview(rows.schema).rows]
    assert step.preview(SCHEMA) == step.preview(rows.schema)
    result = rows.transform(step)
    assert previewed == [(field.name, field.dataType.simpleString()) for field in result.schema.fields]


@pytest.mark.parametrize("name", sorted({*STEPS} - {"pipeline"}))
def test_a_function_that_is_not_called_before_transform_is_refused(name: str, rows: DataFrame) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"expected df.transform\({name}\(...\)\)"):
        rows.transform(FUNCTIONS[name])


def test_the_preview_of_a_pipeline_shows_the_paths_in_its_input(rows: DataFrame) -> None:
    chain = pipeline(shopsmart_etl.explode_arrays("tags", present_suffix=None), flatten_struct("buyer"))
    lines = {column: source for source, column, _ in chain.preview(rows.select("tags", "buyer").schema).rows}
    assert lines == {"tags": "tags[]", "buyer_name": "buyer.name", "buyer_zip": "buyer.zip"}
    with pytest.raises(UnsupportedError, match="a plain function, whose columns are unknown"):
        pipeline(lambda df: df.limit(1)).preview(rows.schema)


def test_a_step_refuses_an_argument_that_is_not_a_dataframe() -> None:
    with pytest.raises(InvalidArgumentError, match="df: expected a DataFrame; got 7"):
        flatten_struct()(7)  # type: ignore[arg-type]


def test_every_step_looks_up_the_schema_at_most_once(rows: DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    look_ups: list[str] = []
    schema = type(rows).schema

    def counted_schema(df: DataFrame) -> Any:
        look_ups.append("schema")
        return schema.__get__(df)

    for name, (args, kwargs) in STEPS.items():
        if name not in ("conform", "nest_struct"):  # they parse DDL text, which looks up another schema
            step: Step = FUNCTIONS[name](*args, **kwargs)
            with monkeypatch.context() as patch:
                patch.setattr(type(rows), "schema", property(counted_schema))
                look_ups.clear()
                rows.transform(step)
            assert len(look_ups) <= 1, name


def test_a_step_does_not_change_with_the_arguments_that_its_caller_changes() -> None:
    schema, by, fill = StructType().add("id", IntegerType()), ["day"], {"a": [1]}
    steps = [conform(schema), write_partitioned("t", by=by), impute_financials("a", fill=fill)]
    texts, hashes = [repr(step) for step in steps], [hash(step) for step in steps]
    schema.add("gift", StringType())
    by.append("country")
    fill["a"].append(2)
    assert [repr(step) for step in steps] == texts
    assert [hash(step) for step in steps] == hashes
    assert steps[1] == write_partitioned("t", by=["day"])


@pytest.mark.usefixtures("rows")
def test_a_step_with_a_column_of_the_session_anywhere_in_it_cannot_be_pickled() -> None:
    column = F.col("b")
    for step in (
        impute_financials("a", fill=[column, 0]),
        impute_financials("a", fill={"a": column}),
        flag_violations(Rule("b is positive", column > 0)),
    ):
        with pytest.raises(UnsupportedError, match="cannot be pickled: it refers to a DataFrame or a Column"):
            pickle.dumps(step)
