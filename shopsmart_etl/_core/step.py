"""Steps: values that are built from checked arguments, planned from a schema and applied to a DataFrame."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import is_dataclass
from functools import partial, reduce, wraps
from typing import Any, ParamSpec, TypeAlias

from pyspark.sql import DataFrame
from pyspark.sql.types import StructType
from typing_extensions import override

from shopsmart_etl._core.checks import is_column, is_dataframe
from shopsmart_etl._core.depth import check_schema_depth
from shopsmart_etl._core.frame import Frame, Plan
from shopsmart_etl._core.session import schema_without_session
from shopsmart_etl._core.sql import path_text, type_text
from shopsmart_etl._core.text_table import TextTable
from shopsmart_etl.errors import InvalidArgumentError, UnsupportedError
from shopsmart_etl.typing import Transform

P = ParamSpec("P")

Planner: TypeAlias = Callable[[Frame], Plan]
"""A function that plans a step from a DataFrame's schema, without running Spark."""

# Whether plan_ahead is planning steps for a table that does not exist yet.
_planning: ContextVar[bool] = ContextVar("planning", default=False)


class Step:
    """A DataFrame transformation to apply with ``df.transform(step)`` or ``step(df)``.

    A step is an immutable value. Its repr is the call that built it, equal calls build equal steps, and a step can be
    hashed, pickled and applied any number of times.

    Attributes:
        writes: Whether applying it writes the rows.
        runs_spark: Whether applying the step runs a Spark job or observes one; such a step cannot be planned ahead.
    """

    def __init__(
        self, build: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], planner: Planner
    ) -> None:
        """Store the call that builds the step, and the function that plans it."""
        self._build = build
        self._args = args
        self._kwargs = dict(kwargs)
        self._planner = planner
        self.runs_spark = bool(getattr(build, "runs_spark", False))
        self.writes = bool(getattr(build, "writes", False))
        # DataFrame.transform uses __name__ in its error message.
        self.__name__ = repr(self)

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the call that built the step, by parameter."""
        bound = inspect.signature(self._build).bind(*self._args, **self._kwargs)
        bound.apply_defaults()
        return dict(bound.arguments)

    @property
    def parts(self) -> list[Transform]:
        """The steps of a pipeline, with nested pipelines expanded; for any other step, the step itself."""
        if not isinstance(self._planner, Chain):
            return [self]
        return [part for step in self._planner.steps for part in (step.parts if isinstance(step, Step) else [step])]

    def __call__(self, df: DataFrame) -> DataFrame:
        """Apply the step to a DataFrame.

        Raises:
            InvalidArgumentError: ``df`` is not a DataFrame.
        """
        if not is_dataframe(df):
            raise InvalidArgumentError("df", expected="a DataFrame", got=df)
        if isinstance(self._planner, Chain):
            return reduce(lambda result, step: result.transform(step), self._planner.steps, df)
        return plan_step(self, Frame.of(df)).apply(df)

    def preview(self, schema: StructType | str) -> TextTable:
        """Preview the resulting columns for a schema, without running Spark.

        Args:
            schema: The schema of a DataFrame: a StructType, or DDL text, which the active session parses.

        Returns:
            A text table with one row per resulting column: its source path, name and type. The attribute ``rows``
            contains them as tuples.

        Raises:
            InvalidArgumentError: ``schema`` is neither a StructType nor DDL text.
            SchemaError: Applying the step to a DataFrame of this schema would raise the same error.
            UnsupportedError: A schema is DDL text and no session is active, or the step contains a plain function.
        """
        plan = plan_step(self, Frame(schema_without_session("schema", schema)))
        rows = [
            (source, field.name, type_text(field.dataType))
            for source, field in zip(plan.sources, plan.schema.fields, strict=True)
        ]
        return TextTable(("path", "column", "type"), tuple(rows))

    @override
    def __repr__(self) -> str:
        arguments = [_text(arg) for arg in self._args]
        arguments += [f"{name}={_text(value)}" for name, value in self._kwargs.items()]
        return f"{self._build.__name__}({', '.join(arguments)})"

    @override
    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Step) else NotImplemented

    @override
    def __hash__(self) -> int:
        return hash(self._key())

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the call instead of the planner, which is a nested function and cannot be pickled.

        Raises:
            UnsupportedError: An argument is a DataFrame or a Column, which cannot be pickled.
        """
        if _refers_to_session([*self._args, *self._kwargs.values()]):
            raise UnsupportedError(
                f"{self!r} cannot be pickled: it refers to a DataFrame or a Column of this session. Build it in the "
                "process that applies it"
            )
        return _rebuild, (self._build, self._args, self._kwargs)

    def __copy__(self) -> Step:
        """Return the step itself, since it is immutable."""
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Step:
        """Return the step itself."""
        return self

    def _key(self) -> tuple[object, ...]:
        return self._build, *map(_frozen, self.arguments.values())


def plan_step(step: Step, frame: Frame) -> Plan:
    """Plan a step for a DataFrame.

    Raises:
        UnsupportedError: The step runs Spark, and ``plan_ahead`` is planning it.
    """
    if step.runs_spark and is_planning_ahead():
        raise UnsupportedError(
            f"plan_ahead: expected steps that do not run Spark; got {step!r}, which runs or observes a Spark job. "
            "Remove it from plan_ahead, and apply it to the table"
        )
    return step._planner(frame)  # noqa: SLF001 - a function, since Frame and Plan are internal


class Chain:
    """A planner of several steps, each for the result of the previous one."""

    def __init__(self, steps: Sequence[Transform]) -> None:
        """Store the steps."""
        self.steps = tuple(steps)

    def __call__(self, frame: Frame) -> Plan:
        """Plan all steps.

        Raises:
            UnsupportedError: A step is a plain function, whose resulting columns are unknown without Spark.
        """
        plan = frame.unchanged()
        for step in self.steps:
            if not isinstance(step, Step):
                raise UnsupportedError(
                    f"expected a step; got {step!r}, a plain function, whose columns are unknown before it runs. Apply "
                    "the steps to a DataFrame"
                )
            sources = {path_text([name]): source for name, source in zip(plan.schema.names, plan.sources, strict=True)}
            next_plan = plan_step(step, frame.with_schema(plan.schema))
            plan = Plan(
                next_plan.schema,
                partial(_apply_both, plan.apply, next_plan.apply),
                tuple(sources.get(source, source) for source in next_plan.sources),
            )
        return plan


def _apply_both(first: Transform, second: Transform, df: DataFrame) -> DataFrame:
    return second(first(df))


@contextmanager
def planning() -> Iterator[None]:
    """Refuse to plan steps that run Spark, nested steps included."""
    token = _planning.set(True)
    try:
        yield
    finally:
        _planning.reset(token)


def is_planning_ahead() -> bool:
    """Return whether ``plan_ahead`` is planning steps for a table that does not exist yet."""
    return _planning.get()


def step(build: Callable[P, Planner]) -> Callable[P, Step]:
    """Decorate a function that checks arguments and returns a planner, so that it returns a step."""

    @wraps(build)
    def built(*args: P.args, **kwargs: P.kwargs) -> Step:
        return _build(built, build, args, kwargs)

    signature = inspect.signature(build)
    built.__signature__ = signature.replace(return_annotation="Step")  # type: ignore[attr-defined]
    built.__annotations__ = {**build.__annotations__, "return": Step}
    return built


def _build(
    call: Callable[..., Step], build: Callable[..., Planner], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Step:
    _check_call(build.__name__, args, kwargs)
    # Copies: a step does not change with a list or a schema that its caller changes later.
    own_args, own_kwargs = _copied(args), _copied(dict(kwargs))
    return Step(call, own_args, own_kwargs, build(*own_args, **own_kwargs))


def _check_call(name: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> None:
    """Refuse ``df.transform(step)`` without the call that builds the step: the only argument is the DataFrame."""
    if len(args) == 1 and not kwargs and is_dataframe(args[0]):
        expected = f"df.transform({name}(...)), with a call that builds the step"
        raise InvalidArgumentError(name, expected=expected, got=args[0])


def step_that_runs_spark(build: Callable[P, Planner]) -> Callable[P, Step]:
    """Decorate like ``step``, for a step that runs a Spark job when applied, or observes one."""
    built = step(build)
    built.runs_spark = True  # type: ignore[attr-defined]
    return built


def step_that_writes(build: Callable[P, Planner]) -> Callable[P, Step]:
    """Decorate like ``step_that_runs_spark``, for a step that writes the rows that it is applied to."""
    built = step_that_runs_spark(build)
    built.writes = True  # type: ignore[attr-defined]
    return built


def _copied(value: Any) -> Any:  # noqa: ANN401 - any argument
    """Copy the containers and schemas of an argument, at every depth."""
    if isinstance(value, StructType):
        check_schema_depth("schema", value)  # deepcopy raises a RecursionError
        return copy.deepcopy(value)
    if type(value) in (list, tuple):
        return type(value)(_copied(item) for item in value)
    return {key: _copied(item) for key, item in value.items()} if type(value) is dict else value


def _refers_to_session(value: object) -> bool:
    """Return whether an argument is or contains a DataFrame or a Column, which cannot be pickled."""
    if isinstance(value, Mapping):
        return any(map(_refers_to_session, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_refers_to_session, value))
    if is_dataclass(value) and not isinstance(value, type):
        return any(map(_refers_to_session, vars(value).values()))
    return is_dataframe(value) or is_column(value)


def _rebuild(build: Callable[..., Step], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Step:
    return build(*args, **kwargs)


def _text(value: object) -> str:
    # The repr of a DataFrame runs a job if spark.sql.repl.eagerEval.enabled is set; that of a function has its address.
    if is_dataframe(value):
        return "DataFrame"
    return value.__name__ if inspect.isfunction(value) else repr(value)


def _frozen(value: Any) -> object:  # noqa: ANN401 - any argument
    """Convert an argument to a hashable value."""
    if isinstance(value, Mapping):
        return frozenset((_frozen(key), _frozen(item)) for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return tuple(_frozen(item) for item in value)
    if is_column(value) or is_dataframe(value):
        return id(value)  # == returns a Column
    try:
        hash(value)
    except TypeError:
        return id(value)
    return type(value), value
