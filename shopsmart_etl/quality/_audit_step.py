"""Steps that are methods of an audit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from typing_extensions import override

from shopsmart_etl._core.step import Planner, Step

A = TypeVar("A")
P = ParamSpec("P")

PlannerOf: TypeAlias = Callable[[str], Planner]
"""Makes the planner of a step, given the text of its call for error messages."""


class AuditStep(Step):
    """A step of an audit, which prints as ``audit.count('bronze')``.

    It equals the steps of the same audit and call. It keeps no state: the audit keeps its runs.
    """

    def __init__(
        self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], planner_of: PlannerOf
    ) -> None:
        """Keep the call of the audit's method, and the function that plans the step."""
        super().__init__(method, args, kwargs, lambda frame: frame.unchanged())
        self._planner = planner_of(repr(self))

    @override
    def __repr__(self) -> str:
        return f"audit.{super().__repr__()}"


def audit_step(build: Callable[Concatenate[A, P], PlannerOf]) -> Callable[Concatenate[A, P], Step]:
    """Make a method that checks arguments and returns a planner into one that returns a step, which runs Spark."""

    @wraps(build)
    def built(audit: A, /, *args: P.args, **kwargs: P.kwargs) -> Step:
        # A bound method equals those of the same audit alone, and pickles with it.
        return AuditStep(getattr(audit, build.__name__), args, kwargs, build(audit, *args, **kwargs))

    built.runs_spark = True  # type: ignore[attr-defined]
    built.__signature__ = inspect.signature(build).replace(return_annotation="Step")  # type: ignore[attr-defined]
    built.__annotations__ = {**build.__annotations__, "return": Step}
    return built
