"""Infer the types of JSON fields from the text of their values.

Spark's inference makes numbers of strings, and ignores empty strings. Here every value is a row of its path and its
text, and a field has a type that keeps all of its values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, StringType, StructField, StructType

from shopsmart_etl._core.frame import Frame
from shopsmart_etl._core.sql import call, if_, literal, path_text, type_text
from shopsmart_etl.errors import ColumnTypeError
from shopsmart_etl.io._possible_types import Fits, bits, case, common_type, number_fits

_LEVELS = 8  # that are read at first; deeper documents are read again
_ROOT = "struct(CAST(array() AS ARRAY<STRING>) AS path, value)"
_ELEMENT = "[]"
_MARK = ":"  # at the start of strings and keys; no other value contains it
_STRING = '"([^"]*)"'
_OTHER = r'[^\s,:\[\]{}"]+'
_BLANK = " \t\r\n\ufeff"  # and a byte order mark
_LENIENT = "map('allowUnquotedControlChars', 'true', 'allowBackslashEscapingAnyCharacter', 'true')"


def infer_json(texts: DataFrame, record_path: Sequence[str]) -> StructType:
    """Infer the fields of the documents in JSON texts. Runs a job, or a few if documents are deep.

    Args:
        texts: A column ``value`` of JSON texts. A text that cannot be parsed is ignored.
        record_path: The names on the path from an envelope to its documents.

    Raises:
        ColumnNotFoundError: No envelope has the field.
        ColumnTypeError: The field does not contain documents.
        ColumnClashError: Names differ only in case, and the session ignores case.
    """
    frame = Frame(StructType(), session=texts.sparkSession)
    documents = _find_records(_Field.of_values(_read_values(texts)), record_path, frame)
    return StructType(list(documents.struct_fields(record_path, frame)))


class _Field:
    """A field of all documents.

    Attributes:
        fits: The types that keep all of its values; None if there are only nulls.
        fields: The fields of its objects.
        element: The elements of its arrays; None if they have none.
    """

    def __init__(self) -> None:
        self.fits: Fits | None = None
        self.fields: dict[str, _Field] = {}
        self.element: _Field | None = None

    @classmethod
    def of_values(cls, values: Sequence[tuple[Sequence[str], int | None]]) -> _Field:
        """Return the field of whole documents, from the path and the bits of each field."""
        root = cls()
        for path, bitmap in values:
            field = root
            for part in path:
                if part == _ELEMENT:
                    field.element = field.element or cls()
                    field = field.element
                else:
                    field = field.fields.setdefault(part.removeprefix(_MARK), cls())
            field.fits = None if bitmap is None else Fits(bitmap)
        return root

    def data_type(self, path: Sequence[str], frame: Frame) -> DataType:
        """Return the type that keeps all values."""
        if self.fits == Fits.ARRAY:
            return ArrayType(self.element.data_type(path, frame) if self.element else StringType())
        # Spark 3.5 has no structs without fields.
        if self.fits == Fits.OBJECT and self.fields:
            return StructType(list(self.struct_fields(path, frame)))
        return common_type(self.fits)

    def struct_fields(self, path: Sequence[str], frame: Frame) -> Iterator[StructField]:
        """Yield the fields of objects, sorted by name.

        Raises:
            ColumnClashError: Names differ only in case, and the session ignores case.
        """
        names = sorted(self.fields)
        hint = "Set spark.sql.caseSensitive=true, or read the field that contains them as STRING or VARIANT"
        frame.check_clashes(((name, f"key {path_text([*path, name])}") for name in names), hint=hint)
        for name in names:
            yield StructField(name, self.fields[name].data_type([*path, name], frame))


def _find_records(root: _Field, record_path: Sequence[str], frame: Frame) -> _Field:
    """Find the field of documents below that of envelopes."""
    field = root
    for depth, name in enumerate(record_path):
        siblings = StructType([StructField(other, StringType()) for other in field.fields])
        found = siblings.names[frame.index_in(siblings, name)]
        field = field.fields[found]
        documents = field.element if field.element and field.element.fields else field
        if not documents.fields:
            is_last = depth + 1 == len(record_path)
            expected = "an array of documents" if is_last else "an object or an array of objects"
            got = type_text(field.data_type(record_path[: depth + 1], frame))
            raise ColumnTypeError(path_text(record_path[: depth + 1]), expected=expected, got=got)
        field = documents
    return field


def _read_values(texts: DataFrame) -> list[tuple[list[str], int | None]]:
    """Read the path of each field, and the bits of the types that keep all of its values."""
    levels = _LEVELS
    while True:
        # A loop inside an expression: on Spark Connect, a plan with an explode for each level fails at 18 levels.
        nodes = f"aggregate(sequence(1, {levels}), array({_ROOT}), (nodes, level) -> {_with_children('nodes')})"
        # With inline, Spark would compute the nodes twice, to filter out empty arrays first.
        values = _documents(texts).selectExpr(call("inline_outer", nodes))
        found = values.groupBy("path").agg(
            F.expr(f"bit_and({_value_fits('value')})"), F.expr(f"bool_or({_has_children('value')})")
        )
        rows = found.collect()
        if not any(is_deeper for _, _, is_deeper in rows):
            return [(path, fits) for path, fits, _ in rows if all(part.startswith((_MARK, _ELEMENT)) for part in path)]
        levels *= 16


def _documents(texts: DataFrame) -> DataFrame:
    """Return each document as a row, ``value``, with every value in it as a string."""
    text = _as_strings(F.btrim(F.col("value"), F.lit(_BLANK)))
    array = F.when(F.startswith(text, F.lit("[")), text).otherwise(F.concat(F.lit("["), text, F.lit("]")))
    # With explode, Spark would parse each text twice, to filter out the empty ones first.
    parsed = texts.select(array.alias("value")).selectExpr(f"explode_outer({_from_json('value', 'array<string>')})")
    return parsed.toDF("value").where("startswith(value, '{')")


def _as_strings(text: Column) -> Column:
    r"""Write every value of JSON text as a string, which keeps its digits, with a mark at the start of those that were.

    ``{"a": ["b", 1.0]}`` becomes ``{":a": [":b", "1.0"]}``. No group of the regular expressions repeats: Java would
    overflow its stack on long strings. For that, quotes inside strings are written as ``\u0022``.
    """
    escaped = F.replace(F.replace(text, F.lit("\\\\"), F.lit("\\u005c")), F.lit('\\"'), F.lit("\\u0022"))
    marked = F.regexp_replace(escaped, _STRING, f'"{_MARK}$1"')
    return F.regexp_replace(marked, f"{_STRING}|({_OTHER})", '"$1$2"')


def _with_children(nodes: str) -> str:
    """Write the SQL of nodes, structs of a path and a value, and of their fields and elements.

    Of the value of an object or array, the first character is left.
    """
    own = "struct(node.path AS path, left(node.value, 1) AS value)"
    elements = f"transform({_from_json('node.value', 'array<string>')}, item -> {_child(literal(_ELEMENT), 'item')})"
    entries = call("map_entries", _from_json("node.value", "map<string, string>"))
    fields = f"transform({entries}, entry -> {_child('entry.key', 'entry.value')})"
    children = if_("startswith(node.value, '{')", fields, elements)
    expanded = f"concat(array({own}), coalesce({children}, array()))"
    step = f"flatten(transform({nodes}, node -> {if_(_has_children('node.value'), expanded, 'array(node)')}))"
    return if_(f"exists({nodes}, node -> {_has_children('node.value')})", step, nodes)


def _child(key: str, value: str) -> str:
    return f"struct(concat(node.path, array({key})) AS path, {value} AS value)"


def _from_json(sql: str, schema: str) -> str:
    return call("from_json", sql, f"'{schema}'", _LENIENT)


def _has_children(sql: str) -> str:
    return f"coalesce(left({sql}, 1) IN ('{{', '[') AND length({sql}) > 1, false)"


def _value_fits(sql: str) -> str:
    """Write the bits of the types that keep a value; null for null and for words that JSON does not have."""
    return case(
        (f"startswith({sql}, '{_MARK}')", "0"),
        (f"startswith({sql}, '{{')", bits(Fits.OBJECT)),
        (f"startswith({sql}, '[')", bits(Fits.ARRAY)),
        (f"{sql} IN ('true', 'false')", bits(Fits.BOOLEAN)),
        otherwise=number_fits(sql, as_double=True),
    )
