"""Errors keep their attributes when they are pickled and copied."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

import shopsmart_etl as etl

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES: list[etl.ShopSmartError] = [
    etl.ShopSmartError("anything"),
    etl.InvalidArgumentError("sep", expected="a string", got=1),
    etl.AuditIncompleteError("audit.count('rows')"),
    etl.ColumnNotFoundError("contry", ["country", "id"]),
    etl.ColumnTypeError("tags", expected="a number", got="array<int>", hint="Explode it first"),
    etl.ColumnClashError("a_b", ("a.b", "a_b"), hint="Give another sep"),
    etl.SchemaDriftError(["id: expected int; got string", "unexpected column 'x'"]),
    etl.SiblingArraysError(["a", "b"]),
    etl.HeaderMismatchError("logs", ["a"], ["b"], hint="Give the schema of these files"),
    etl.InexactFillError("price", 0.001, "decimal(10,2)"),
    etl.KeyNotUniqueError("orders", ["id"], [((1, None), 2)]),
    etl.LimitExceededError(["violations of 'id': expected at most 0.1 of 2 rows; got 1"]),
    etl.SourceNotFoundError("logs", "there is no such file or folder"),
    etl.TargetExistsError("silver"),
    etl.TargetMismatchError("silver", ["column 'a' is missing", "column 'b' is new"]),
    etl.PartitionError("silver", "too many"),
    etl.WriteConflictError("silver"),
    etl.UnsupportedError("not supported"),
    etl.RowRefusedError("column 'price': expected an amount; got 'free'"),
    etl.SchemaError("a family"),
    etl.SourceError("a family"),
    etl.TableError("a family"),
    etl.DataError("a family"),
]
ROUND_TRIPS: dict[str, Callable[[etl.ShopSmartError], etl.ShopSmartError]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda error, protocol=protocol: pickle.loads(  # type: ignore[misc] # noqa: S301 - the tests' own
            pickle.dumps(error, protocol)
        )
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
}


def parts(error: BaseException) -> tuple[object, ...]:
    return type(error), str(error), error.args, vars(error)


def test_every_error_class_has_an_example() -> None:
    public = {getattr(etl, name) for name in etl.__all__ if name.endswith("Error")}
    assert {type(error) for error in EXAMPLES} == public


@pytest.mark.parametrize("trip", ROUND_TRIPS)
@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_a_copied_or_pickled_error_is_equal_to_the_original(error: etl.ShopSmartError, trip: str) -> None:
    restored = ROUND_TRIPS[trip](error)
    assert parts(restored) == parts(error)
    assert parts(ROUND_TRIPS[trip](restored)) == parts(error)
    assert restored is not error


@pytest.mark.parametrize("got", [lambda: None, iter([1]), object()], ids=["lambda", "iterator", "object"])
def test_a_pickled_error_with_a_value_that_cannot_be_pickled_keeps_its_message(got: object) -> None:
    error = etl.InvalidArgumentError("sep", expected="a string", got=got)
    restored = pickle.loads(pickle.dumps(error))  # noqa: S301 - created in this test
    assert str(restored) == str(error)
    assert restored.argument == "sep"


def test_a_long_value_with_newlines_is_shortened_to_one_line() -> None:
    error = etl.InvalidArgumentError("sep", expected="a string", got=["a\nb"] * 1000)
    assert "\n" not in str(error)
    assert len(str(error)) < 300


def fail(number: int) -> None:
    raise EXAMPLES[number]


def test_an_error_can_be_raised_from_another_process() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for number, error in enumerate(EXAMPLES):
            raised = pool.submit(fail, number).exception()
            assert raised is not None
            assert (type(raised), str(raised)) == (type(error), str(error))
