"""The properties of a DataFrame that steps plan with, and the plans that they return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import DataType, StructField, StructType

from shopsmart_etl._core import columns
from shopsmart_etl._core._sail import is_sail, refuse_on_sail
from shopsmart_etl._core.session import parse_schema, schema_without_session, session_ignores_case
from shopsmart_etl._core.sql import path_text, positions, quote, type_text
from shopsmart_etl.errors import ColumnTypeError, UnsupportedError


class Plan(NamedTuple):
    """The result of planning a step, before Spark runs anything.

    Attributes:
        schema: The resulting schema. Spark may mark fewer columns as nullable.
        apply: Applies the step to the DataFrame that it was planned for.
        sources: A description of each column's origin; empty for a computed column.
    """

    schema: StructType
    apply: Callable[[DataFrame], DataFrame]
    sources: tuple[str, ...]


class Output(NamedTuple):
    """A column of a step's result.

    Attributes:
        field: The column's name, type, nullability and metadata.
        sql: The expression that computes the column, over columns named by position.
        source: A description of the column's origin; empty for a computed column.
        is_new: Whether the name is new, so that it must be checked for clashes.
    """

    field: StructField
    sql: str
    source: str = ""
    is_new: bool = False


class Frame:
    """The properties of a DataFrame that a step can plan with: schema, name comparison, streaming, engine.

    The schema is looked up once. Everything else is looked up when a step first needs it, since each lookup is a
    request to the server on Spark Connect.
    """

    def __init__(
        self,
        schema: StructType | Callable[[], StructType],
        *,
        session: SparkSession | None = None,
        is_streaming: Callable[[], bool] = lambda: False,
        case_sensitive: bool = False,
    ) -> None:
        """Describe a DataFrame.

        Args:
            schema: The schema, or a function that looks it up.
            session: The session; None for a preview.
            is_streaming: Returns whether the DataFrame is a stream.
            case_sensitive: Whether a preview, which has no session, compares names case-sensitively.
        """
        self._schema = schema
        self._session = session
        self._is_streaming = is_streaming
        self._case_sensitive = case_sensitive

    @classmethod
    def of(cls, df: DataFrame) -> Frame:
        """Describe an existing DataFrame."""
        return cls(lambda: df.schema, session=df.sparkSession, is_streaming=lambda: df.isStreaming)

    @cached_property
    def schema(self) -> StructType:
        """The schema, looked up once."""
        return self._schema if isinstance(self._schema, StructType) else self._schema()

    @property
    def names(self) -> list[str]:
        """The column names."""
        return list(self.schema.names)

    @property
    def session(self) -> SparkSession:
        """The session.

        Raises:
            UnsupportedError: This is a preview, which has no session.
        """
        if self._session is None:
            raise UnsupportedError(
                "expected a StructType in a preview, which has no Spark session; got DDL text. Give a StructType, or "
                "apply the step to a DataFrame"
            )
        return self._session

    @cached_property
    def is_streaming(self) -> bool:
        """Whether the DataFrame is a stream."""
        return self._is_streaming()

    @cached_property
    def ignores_case(self) -> bool:
        """Whether names that differ only in case are equal, as they are in Spark by default."""
        return not self._case_sensitive if self._session is None else session_ignores_case(self._session)

    @property
    def is_sail(self) -> bool:
        """Whether the engine is Sail."""
        return self._session is not None and is_sail(self._session)

    def refuse_on_sail(self, operation: str, *, why: str, hint: str) -> None:
        """Refuse an operation that Sail does not support or gets wrong.

        Raises:
            UnsupportedError: The engine is Sail.
        """
        if self._session is not None:
            refuse_on_sail(self._session, operation, why=why, hint=hint)

    def with_schema(self, schema: StructType) -> Frame:
        """Return a frame with another schema in the same session."""
        return Frame(
            schema,
            session=self._session,
            is_streaming=lambda: self.is_streaming,
            case_sensitive=self._case_sensitive,
        )

    def index(self, column: str) -> int:
        """Return the index of a column by its name, taken literally.

        Raises:
            ColumnNotFoundError: No column matches, or more than one.
        """
        return self.index_in(self.schema, column)

    def index_in(self, schema: StructType, name: str) -> int:
        """Return the index of a field in a struct, as ``index`` does for a column.

        Raises:
            ColumnNotFoundError: No field matches, or more than one.
        """
        return columns.find_column(schema, name, ignores_case=lambda: self.ignores_case)

    def has_name(self, name: str, names: Iterable[str]) -> bool:
        """Return whether one of several names is equal to a name in the session."""
        return bool(self.indexes_of(name, names))

    def indexes_of(self, name: str, names: Iterable[str]) -> list[int]:
        """Return the indexes of the names that are equal to a name in the session."""
        if self.ignores_case:
            return [index for index, other in enumerate(names) if other.lower() == name.lower()]
        return [index for index, other in enumerate(names) if other == name]

    def field(self, column: str) -> StructField:
        """Return the field of a column by its name.

        Raises:
            ColumnNotFoundError: No column matches, or more than one.
        """
        return self.schema.fields[self.index(column)]

    def require(
        self, column: str, types: type[DataType] | tuple[type[DataType], ...], *, expected: str, hint: str = ""
    ) -> int:
        """Return the index of a column that must have one of the given types.

        Args:
            column: The column's name.
            types: The allowed types.
            expected: A description of the allowed types, for the message.
            hint: How to fix a column of another type.

        Raises:
            ColumnNotFoundError: No column matches, or more than one.
            ColumnTypeError: The column has another type.
        """
        index = self.index(column)
        field = self.schema.fields[index]
        if not isinstance(field.dataType, types):
            raise ColumnTypeError(field.name, expected=expected, got=type_text(field.dataType), hint=hint)
        return index

    def check_clashes(
        self, named: Iterable[tuple[str, str]], *, existing: Iterable[tuple[str, str]] = (), hint: str
    ) -> None:
        """Check that no column has the name of another.

        Args:
            named: Each column's name and a description of its origin.
            existing: Further columns, which may have equal names among themselves, as after a join.
            hint: How the user can fix a clash.

        Raises:
            ColumnClashError: Two names are equal in the session.
        """
        columns.check_clashes(named, existing=existing, ignores_case=lambda: self.ignores_case, hint=hint)

    def as_schema(self, argument: str, schema: StructType | str) -> StructType:
        """Return a StructType as it is, and parse DDL text with the session, in a preview with the active one.

        Raises:
            InvalidArgumentError: The text is not valid DDL.
            UnsupportedError: The schema is DDL text, and a preview has no active session to parse it.
        """
        if isinstance(schema, StructType):
            return schema
        if self._session is None:
            return schema_without_session(argument, schema)
        return parse_schema(self._session, argument, schema)

    def column(self, index: int) -> Output:
        """Return an output that keeps a column unchanged."""
        field = self.schema.fields[index]
        return Output(field, f"`{index}`", path_text([field.name]))

    def unchanged(self, apply: Callable[[DataFrame], DataFrame] = lambda df: df) -> Plan:
        """Return a plan that keeps every column, such as a filter's."""
        return Plan(self.schema, apply, tuple(path_text([name]) for name in self.schema.names))

    def select(
        self,
        outputs: Sequence[Output],
        *,
        after: Callable[[DataFrame], DataFrame] = lambda df: df,
        hint: str = "Rename one of them first",
    ) -> Plan:
        """Return a plan that selects other columns.

        The plan renames the columns to their positions first, so that Spark never parses or compares their names.

        Args:
            outputs: The resulting columns, in order.
            after: A transform of the DataFrame, with columns named by position, that runs before the select.
            hint: How the user can fix a clash of names.

        Raises:
            ColumnClashError: A new column has the name of another column.
        """
        new, kept = (
            [(output.field.name, _origin(output)) for output in outputs if output.is_new is is_new]
            for is_new in (True, False)
        )
        self.check_clashes(new, existing=kept, hint=hint)
        # Spark Connect adds metadata to columns without an alias.
        expressions = [f"{output.sql} AS `{index}`" for index, output in enumerate(outputs)]
        fields = [output.field for output in outputs]
        computed = {str(index): output.field for index, output in enumerate(outputs) if not _is_column(output.sql)}

        def apply(df: DataFrame) -> DataFrame:
            selected = after(self.name_by_position(df)).selectExpr(*expressions)
            return keep_metadata(selected, computed).toDF(*(field.name for field in fields))

        return Plan(StructType(fields), apply, tuple(output.source for output in outputs))

    def by_position(self, change: Callable[[DataFrame], DataFrame]) -> Plan:
        """Return a plan that keeps every column, and whose transform sees the columns named by position."""
        names = self.names
        return self.unchanged(lambda df: change(self.name_by_position(df)).toDF(*names))

    def name_by_position(self, df: DataFrame) -> DataFrame:
        """Rename the columns of a DataFrame of this schema to their positions."""
        return df.toDF(*positions(len(self.schema.fields)))


def keep_metadata(df: DataFrame, fields: Mapping[str, StructField]) -> DataFrame:
    """Set the metadata of columns to that of fields.

    Does not use aliases: on Connect before 4.2 ``withColumns`` drops their metadata.
    """
    for name, field in fields.items():
        if field.metadata:
            df = df.withMetadata(name, field.metadata)
    return df


def replace_name(field: StructField, name: str) -> StructField:
    """Return a field with another name."""
    return StructField(name, field.dataType, field.nullable, field.metadata)


def _is_column(sql: str) -> bool:
    return sql.strip("`").isdigit()


def _origin(output: Output) -> str:
    return f"column {quote(output.field.name)}" if not output.is_new else output.source or "the new column"
