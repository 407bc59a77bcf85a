"""Cast the values of JSON documents, and put the columns in their order."""

from __future__ import annotations

from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql.types import NullType, StringType, StructField, StructType

from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.spark_errors import fail_sql
from shopsmart_etl._core.sql import all_of, cast, compiled_apart, field_of, if_, literal
from shopsmart_etl._core.text_casts import Formats, parse_text
from shopsmart_etl.io._json_types import cast_leaf, cast_parsed, count_all, count_values, group_casts, rounded_paths
from shopsmart_etl.io.read_options import JsonSettings


class _Value(NamedTuple):
    """A column of the result before its cast.

    Attributes:
        field: The column.
        sql: The parsed value, or the text of a folder.
        is_folder: Whether it is the text of a folder.
    """

    field: StructField
    sql: str
    is_folder: bool = False

    def cast(self, parsed: str, formats: Formats) -> str:
        """Write the cast of the parsed value."""
        cast_value = parse_text if self.is_folder else cast_parsed
        return cast_value(parsed, self.field.dataType, formats)

    def is_exact(self, parsed: str, value: str) -> str:
        """Write the condition that the cast made nothing null; empty text if it never does."""
        if self.is_folder:
            return f"({parsed} IS NULL OR {value} IS NOT NULL)"
        before = count_values(parsed, self.field.dataType)
        return before and f"({before} = {count_values(value, self.field.dataType)})"


class JsonColumns:
    """Casts the values of documents, and puts the columns in their order."""

    def __init__(
        self,
        frame: Frame,
        own: StructType,
        envelope: StructType | None,
        settings: JsonSettings,
        folders: list[str],
    ) -> None:
        self._settings = settings
        origins = sum(name is not None for name in (settings.file_path_column, settings.file_modified_column))
        self._origins = [f"`{at}`" for at in range(origins)]
        self._folders = [f"`{origins + at}`" for at in range(len(folders))]
        self._has_envelope = envelope is not None
        self._values = []
        for field in frame.schema.fields:
            if field.name in own.names:
                self._values.append(_Value(field, field_of("document", field.name)))
            else:
                at = next(at for at, name in enumerate(folders) if frame.has_name(field.name, [name]))
                self._values.append(_Value(field, self._folders[at], is_folder=True))
        self._values += [
            _Value(field, field_of("envelope", field.name)) for field in (envelope.fields if envelope else ())
        ]
        # The text of folders is cast by itself: it is no JSON.
        fields = [StructField("", NullType()) if value.is_folder else value.field for value in self._values]
        self._grouped = group_casts(fields)
        self._other_folders = [at for at, name in enumerate(folders) if not frame.has_name(name, frame.names)]
        self._names = [value.field.name for value in self._values]
        self._names += [*settings.added_columns.values(), *(folders[at] for at in self._other_folders)]

    def of(self, rows: DataFrame) -> DataFrame:
        """Return the columns of the schema, of envelopes, those that the settings add, and those of other folders."""
        is_whole = "coalesce(exact.v IS NOT NULL AND NOT exact.b, false)"
        kept = [*self._origins, *self._folders]
        if self._has_envelope:
            is_whole = f"({is_whole} AND NOT coalesce(exact_envelope.b, false))"
            kept.append("exact_envelope.v AS envelope")
        if self._settings.on_extra != "drop":
            kept.append("extra")
        parsed = rows.selectExpr(
            "text", "if(by_spark, document, exact.v) AS document", f"(by_spark OR {is_whole}) AS whole", *kept
        )
        unchanged = (f"`{name}`" for name in parsed.columns if name != "text")
        typed = parsed.selectExpr(f"{compiled_apart('text')} AS text", *unchanged, *self._casts())
        names, is_exact = self._cast_values()
        exact = all_of(["whole", *is_exact])
        others = [self._folders[at] for at in self._other_folders]
        # Spark Connect adds metadata to columns without an alias.
        added = (f"{sql} AS a{at}" for at, sql in enumerate(self._added(exact)))
        result = typed.selectExpr(
            *(f"{name} AS r{at}" for at, name in enumerate(names)), *added, *self._origins, *others
        )
        return result.toDF(*self._names)

    def _casts(self) -> list[str]:
        """Write the cast of each value, or group of values."""
        formats, parsed = self._settings.formats, [value.sql for value in self._values]
        casts = [f"{self._values[at].cast(parsed[at], formats)} AS v{at}" for at in self._grouped.others]
        for number, group in enumerate(self._grouped.groups):
            each = group.transformed(parsed, "x", lambda x, of: cast_leaf(x, of, formats))
            casts.append(f"{each} AS g{number}")
        return casts

    def _cast_values(self) -> tuple[list[str], list[str]]:
        """Write the values after the casts, and the conditions that the casts made nothing null."""
        parsed = [value.sql for value in self._values]
        values = {at: f"v{at}" for at in self._grouped.others}
        exact = [self._values[at].is_exact(parsed[at], values[at]) for at in self._grouped.others]
        for number, group in enumerate(self._grouped.groups):
            values.update({at: f"g{number}[{index}]" for index, at in enumerate(group.positions)})
            exact.append(f"{count_all(group.array(parsed))} = {count_all(f'g{number}')}")
        return [values[at] for at in range(len(parsed))], list(filter(None, exact))

    def _added(self, exact: str) -> list[str]:
        """Write the columns that the settings ask for."""
        added = [if_(exact, "NULL", "text")]
        if self._settings.on_extra == "error":
            fails = fail_sql(literal("a document has fields that the schema lacks: "), "extra")
            added = [if_("extra IS NULL", added[0], cast(fails, StringType()))]
        if self._settings.on_extra == "rescue":
            added.append("extra")
        if self._settings.on_excess_decimals == "round":
            fields = StructType([value.field for value in self._values])
            added.append(rounded_paths(fields, [value.sql for value in self._values], self._settings.formats))
        return added
