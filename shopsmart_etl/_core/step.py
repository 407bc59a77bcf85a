"""A step as a value: callable, composable, and printed as the call that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar, cast

from pyspark.sql import DataFrame
from typing_extensions import override

from shopsmart_etl.errors import UnsupportedError
from shopsmart_etl.typing import Transform

P = ParamSpec("P")
T = TypeVar("T", bound="Transform")


# Whether steps are only planned, for a table that does not exist yet.
_planning: ContextVar[bool] = ContextVar("planning", default=False)


class Step:
    """A Transform that remembers the call that built it.

    Attributes:
        parts: The steps that it is composed of; None for a single step.
        runs_spark: Whether applying it runs a job, or reports on one: such a step cannot be planned ahead.
    """

    def __init__(
        self, transform: Transform, parts: Sequence[Transform] | None = None, *, runs_spark: bool = False
    ) -> None:
        """Keep the function that does the work, and what there is to know of it."""
        self._transform = transform
        self.parts = parts
        self.runs_spark = runs_spark

    def built_by(self, call: str) -> None:
        """Keep the text of the call."""
        # DataFrame.transform names the function that returned no DataFrame in its error.
        self.__name__ = call

    def __call__(self, df: DataFrame) -> DataFrame:
        """Apply the step."""
        if self.runs_spark and _planning.get():
            raise UnsupportedError(
                f"{self!r} cannot be planned ahead: it runs Spark, or reports on what Spark runs. Leave it out of "
                "plan_ahead, and apply it to the table"
            )
        return self._transform(df)

    @override
    def __repr__(self) -> str:
        return self.__name__


@contextmanager
def planning() -> Iterator[None]:
    """Refuse steps that run Spark, inside of other steps too."""
    before = _planning.set(True)
    try:
        yield
    finally:
        _planning.reset(before)


def parts_of(transform: Transform) -> list[Transform]:
    """List the steps that a step is composed of, at every depth; of one that is not, itself."""
    parts = transform.parts if isinstance(transform, Step) else None
    return [transform] if parts is None else [single for part in parts for single in parts_of(part)]


def step(build: Callable[P, T]) -> Callable[P, T]:
    """Let what ``build`` returns print as the call: ``flatten_struct('customer', sep='.')``."""

    @wraps(build)
    def built(*args: P.args, **kwargs: P.kwargs) -> T:
        arguments = [_text(arg) for arg in args] + [f"{name}={_text(value)}" for name, value in kwargs.items()]
        transform = build(*args, **kwargs)
        made = transform if isinstance(transform, Step) else Step(transform)
        made.built_by(f"{build.__name__}({', '.join(arguments)})")
        return cast("T", made)

    return built


def _text(value: object) -> str:
    # A DataFrame's own text may be its rows, found by a job (spark.sql.repl.eagerEval.enabled). By name, since classic
    # Spark and Connect have classes of their own.
    return "DataFrame" if type(value).__name__ == "DataFrame" else repr(value)
