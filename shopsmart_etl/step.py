"""A step as a value: callable, composable, and printed as the call that made it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyspark.sql import DataFrame

    from shopsmart_etl.typing import Transform

P = ParamSpec("P")
T = TypeVar("T", bound="Transform")


class Step:
    """A Transform that remembers the call that built it."""

    def __init__(self, transform: Transform, parts: Sequence[Transform] | None = None) -> None:
        """Keep the function that does the work, and the steps that it is composed of."""
        self._transform = transform
        self.parts = parts

    def built_by(self, call: str) -> None:
        """Keep the text of the call."""
        # DataFrame.transform names the function that returned no DataFrame in its error.
        self.__name__ = call

    def __call__(self, df: DataFrame) -> DataFrame:
        """Apply the step."""
        return self._transform(df)

    @override
    def __repr__(self) -> str:
        return self.__name__


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
