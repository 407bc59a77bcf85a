"""Errors carry their parts, and come through pickling and copying whole."""

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
    etl.InvalidArgumentError("sep", wanted="a string", found=1),
    etl.AuditIncompleteError("audit.count('rows')"),
    etl.ColumnNotFoundError("contry", ["country", "id"]),
    etl.ColumnTypeError("tags", wanted="a number", found="array<int>", way_out="Explode it first"),
    etl.ColumnClashError("a_b", ("a.b", "a_b"), way_out="Give another sep"),
    etl.SchemaDriftError(["id: wanted int, found string", "'x' is not wanted"]),
    etl.SiblingArraysError(["a", "b"]),
    etl.HeaderMismatchError("logs", ["a"], ["b"], way_out="Give the schema of these files"),
    etl.InexactFillError("price", 0.001, "decimal(10,2)"),
    etl.KeyNotUniqueError("orders", ["id"], [((1, None), 2)]),
    etl.SourceNotFoundError("logs", "there is no such file or folder"),
    etl.TargetExistsError("silver"),
    etl.TargetMismatchError("silver", ["column 'a' is missing", "column 'b' is new"]),
    etl.PartitionError("silver", "too many"),
    etl.WriteConflictError("silver"),
    etl.UnsupportedError("not here"),
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


def test_every_class_has_an_example() -> None:
    public = {getattr(etl, name) for name in etl.__all__ if name.endswith("Error")}
    assert {type(error) for error in EXAMPLES} == public


@pytest.mark.parametrize("trip", ROUND_TRIPS)
@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_comes_through_whole(error: etl.ShopSmartError, trip: str) -> None:
    once = ROUND_TRIPS[trip](error)
    assert parts(once) == parts(error)
    assert parts(ROUND_TRIPS[trip](once)) == parts(error)
    assert once is not error


def fail(number: int) -> None:
    raise EXAMPLES[number]


def test_an_error_comes_back_from_another_process() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for number, error in enumerate(EXAMPLES):
            raised = pool.submit(fail, number).exception()
            assert raised is not None
            assert (type(raised), str(raised)) == (type(error), str(error))
