"""Find the documents in JSON text: all at once where the text is valid JSON, each by itself where it is not."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, IntegerType, StringType, StructField, StructType

from shopsmart_etl.io._json_types import parsed_type

_LONGEST = 2**31 - 1
_BYTE_ORDER_MARK = "\ufeff"  # at the start of a file
_SPACE = " \t\r\n"
BLANK = f"^[{_SPACE}{_BYTE_ORDER_MARK}]*"

# Every character is in exactly one part, so that joining the parts returns the text. No group repeats: Java's regular
# expressions recurse into those, and overflow the stack on long strings.
_PART = r'(?s)\\.|["\[\]{},\\]|[^"\\\[\]{},]+'
# Single quotes and NaN, which JSON does not have.
_STRICT = {"allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_MEMBER = rf'(?s)^"([^"\\]*)"[{_SPACE}]*:[{_SPACE}]*(.*)$'
_STRING = r'"(?:[^"\\]++|\\.)*+"'
# The end of a document before the beginning of another, outside of strings: nowhere inside a valid document.
_TO_NEXT = rf'(?s)\G((?:[^"}}]++|{_STRING}|\}}(?!\s*+\{{))*+)\}}\s*+\{{'
_HAS_NEXT = r"\}\s*\{"
# Not allowed in JSON, and in JSON text sequences (RFC 7464) what separates documents.
_SEPARATOR = "\u001e"


class JsonDocuments:
    """Parses text into documents, and splits text into those of documents.

    Spark's parser stops after the first value, ignores fields that the schema lacks, and may return part of a value
    that is not valid JSON. The text is therefore parsed inside an array that ends with a guard, whose name no file can
    know: text that closes the array early, or that does not end, loses the guard.

    Attributes:
        type: The type of a document: the schema's fields, then one for the guard, which is always null.
    """

    def __init__(self, schema: StructType, path: Sequence[str], *, mark: str) -> None:
        """Take the fields of a document and, for envelopes, the path of the documents."""
        self._guard, self._path = mark, path
        guard = StructField(mark, IntegerType())
        self.type = StructType([*_parsed(schema).fields, guard])
        self._value = self.type
        if path:
            documents: DataType = ArrayType(self.type)
            for name in reversed(path[1:]):
                documents = StructType([StructField(name, documents)])
            self._value = StructType([StructField(path[0], documents), guard])

    def found(self, text: Column) -> Column:
        """Return the documents of text as an array; null unless all of the text is valid and fits the schema."""
        marked = F.startswith(text, F.lit(_BYTE_ORDER_MARK))
        bare = F.when(marked, F.substring(text, 2, _LONGEST)).otherwise(text)
        array = F.when(is_array(text), bare).otherwise(_in_brackets(bare))
        return _let(self._parse(array, self._value), self._documents)

    def _documents(self, parsed: Column) -> Column:
        documents = self._values(parsed)
        if self._path:
            # Null where one of them is.
            documents = F.flatten(F.transform(documents, self._in_envelope))
        return F.when(self._is_complete(parsed) & ~F.exists(documents, lambda one: one.isNull()), documents)

    def texts(self, text: Column) -> Column:
        """Return the text of each document and of its envelope, as an array of structs.

        Where the documents cannot be separated, there is one, which is all of the text.
        """
        bare = _bare(text)
        nothing = F.lit(None).cast("string").alias("envelope")

        def alone(one: Column) -> Column:
            return F.struct(one.alias("text"), nothing)

        values = F.when(is_array(text), _split(bare)).when(text.rlike(_HAS_NEXT), _concatenated(bare))
        if not self._path:
            each = F.transform(values, alone)
        else:
            # One page that is damaged does not affect those before and after it in a file of several.
            inside = F.transform(values, self._in_pages)
            kept = F.transform(values, lambda one: F.coalesce(self._in_pages(one), F.array(alone(one))))
            none = F.when(values.isNull(), self._in_pages(bare))
            each = none.when(is_array(text) | (F.size(values) == 1), F.flatten(inside)).otherwise(F.flatten(kept))
        return F.coalesce(each, F.array(alone(text)))

    def is_valid(self, text: Column) -> Column:
        """Return whether text is one valid JSON value; never null."""
        plain = self._parse(_in_brackets(text), StringType())
        return _let(plain, lambda one: self._is_complete(one, as_text=True) & (F.size(self._values(one)) == 1))

    def _in_envelope(self, value: Column) -> Column:
        for name in self._path:
            value = value[name]
        return value

    def _parse(self, array: Column, of: DataType) -> Column:
        guarded = F.concat(F.lit(f'{{"{self._guard}":['), array, F.lit(f",[{self._guard_text}]]}}"))
        line = StructType([StructField(self._guard, ArrayType(ArrayType(of))), StructField("bad", StringType())])
        return F.from_json(guarded, line, {"columnNameOfCorruptRecord": "bad", **_STRICT})

    @property
    def _guard_text(self) -> str:
        return f'{{"{self._guard}":1}}'

    def _values(self, parsed: Column) -> Column:
        # Not by [0], which fails the job where the parser has stopped before the first array.
        return F.get(parsed[self._guard], F.lit(0))

    def _is_complete(self, parsed: Column, *, as_text: bool = False) -> Column:
        """Tell whether all of the text was read as one array; never null."""
        arrays = parsed[self._guard]
        last = F.get(F.get(arrays, F.lit(1)), F.lit(0))
        guarded = last == self._guard_text if as_text else last[self._guard] == 1
        return F.coalesce(parsed["bad"].isNull() & (F.size(arrays) == 2) & guarded, F.expr("false"))  # noqa: PLR2004

    def _in_pages(self, text: Column) -> Column:
        """Split an envelope into its documents and the rest; null where the rest is not valid."""

        def documents(split: Column) -> Column:
            each = F.transform(split["texts"], lambda one: F.struct(one.alias("text"), split["rest"].alias("envelope")))
            return F.when(self.is_valid(split["rest"]), each)

        return _let(_in_members(text, self._path), documents)


def is_array(text: Column) -> Column:
    """Return whether text begins as a JSON array does."""
    return ~F.startswith(text, F.lit("{")) & text.rlike(rf"{BLANK}\[")


def null_markers_pattern(markers: Sequence[str]) -> str:
    """Return a regular expression of the strings that mean null, each after the sign in front of it."""
    texts = "|".join(_escaped(json.dumps(marker, ensure_ascii=False)) for marker in markers)
    return rf"([:\[,]\s*+)(?:{texts})(?=\s*+[,}}\]])"


def _escaped(text: str) -> str:
    return "".join(sign if sign.isalnum() else f"\\{sign}" if sign.isascii() else sign for sign in text)


def _parsed(schema: StructType) -> StructType:
    parsed = parsed_type(schema)
    assert isinstance(parsed, StructType)  # noqa: S101 - narrows the type
    return parsed


def _in_members(text: Column, path: Sequence[str]) -> Column:
    """Split a JSON object into the texts of the documents at a path, and its own text without them."""
    name, *rest = path

    def is_named(member: Column) -> Column:
        return F.regexp_extract(member, _MEMBER, 1) == F.lit(name)

    def split(members: Column) -> Column:
        others = F.filter(members, lambda one: ~is_named(one))
        named = F.filter(members, is_named)
        value = F.when(F.size(named) == 1, F.regexp_extract(F.get(named, F.lit(0)), _MEMBER, 2))

        def joined(inner: Column, texts: Column) -> Column:
            member = F.concat(F.lit(f"{json.dumps(name)}:"), inner)
            whole = F.concat(F.lit("{"), F.array_join(F.concat(others, F.array(member)), ","), F.lit("}"))
            return F.struct(texts.alias("texts"), whole.alias("rest"))

        if rest:
            return _let(_in_members(value, rest), lambda inner: joined(inner["rest"], inner["texts"]))
        # A path that is sometimes one document and sometimes an array of them.
        texts = F.when(F.startswith(value, F.lit("[")), _split(value)).when(
            F.startswith(value, F.lit("{")), F.array(value)
        )
        return joined(F.lit("[]"), texts)

    is_object = F.startswith(text, F.lit("{"))
    return _let(F.when(is_object, _split(text)), split)


def _concatenated(text: Column) -> Column:
    """Split text at the ends of its documents; null where one before the last is not balanced."""

    def is_balanced(one: Column) -> Column:
        signs = F.regexp_replace(one, rf"(?s){_STRING}", "")
        opening, closing = (F.length(F.replace(signs, F.lit(sign), F.lit(""))) for sign in "{}")
        return opening == closing

    pieces = F.split(F.regexp_replace(text, _TO_NEXT, f"$1}}{_SEPARATOR}{{"), _SEPARATOR)

    def checked(pieces: Column) -> Column:
        first = F.slice(pieces, F.lit(1), F.size(pieces) - 1)
        return F.when(F.forall(first, is_balanced), F.transform(pieces, _bare))

    return _let(pieces, checked)


def _in_brackets(text: Column) -> Column:
    return F.concat(F.lit("["), text, F.lit("]"))


def _bare(text: Column) -> Column:
    return F.btrim(text, F.lit(_SPACE + _BYTE_ORDER_MARK))


def _let(value: Column, result: Callable[[Column], Column]) -> Column:
    """Use a value several times and compute it once, inside lambdas too."""
    return F.get(F.transform(F.array(value), result), F.lit(0))


def _split(text: Column) -> Column:
    """Split a JSON array or object at its own commas; null where brackets and quotes do not balance.

    What lies between the commas need not be valid: only strings and brackets are looked at.
    """

    def pieces(parts: Column) -> Column:
        return _let(F.aggregate(parts, _start(), _next), lambda scan: _pieces(parts, scan))

    return _let(F.regexp_extract_all(text, F.lit(_PART), F.lit(0)), pieces)


def _start() -> Column:
    return F.struct(
        F.lit(0).alias("index"),
        F.lit(0).alias("depth"),
        F.expr("false").alias("quoted"),
        F.expr("true").alias("whole"),
        F.array().cast("array<int>").alias("cuts"),
    )


def _next(scan: Column, part: Column) -> Column:
    """Add a part to the scan.

    Cuts are the bracket that opens the value, each comma directly inside it, and the bracket that closes it.
    """
    index, depth, quoted = scan["index"] + 1, scan["depth"], scan["quoted"]
    opens = ~quoted & part.isin("[", "{")
    closes = ~quoted & part.isin("]", "}")
    outermost = (opens & (depth == 0)) | (~quoted & (part == ",") & (depth == 1)) | (closes & (depth == 1))
    return F.struct(
        index.alias("index"),
        (depth + F.when(opens, 1).when(closes, -1).otherwise(0)).alias("depth"),
        (quoted != (part == '"')).alias("quoted"),
        (scan["whole"] & ((depth > 0) | ((index == 1) & opens))).alias("whole"),
        F.when(outermost, F.concat(scan["cuts"], F.array(index))).otherwise(scan["cuts"]).alias("cuts"),
    )


def _pieces(parts: Column, scan: Column) -> Column:
    cuts = scan["cuts"]

    def piece(index: Column) -> Column:
        first, last = F.get(cuts, index - 1), F.get(cuts, index)
        return _bare(F.array_join(F.slice(parts, first + 1, last - first - 1), ""))

    def without_blanks(found: Column) -> Column:
        empty = (F.size(found) == 1) & (F.get(found, F.lit(0)) == "")
        return F.when(empty, F.array().cast("array<string>")).when(~F.array_contains(found, ""), found)

    brackets = F.concat(F.get(parts, F.lit(0)), F.get(parts, F.size(parts) - 1))
    balanced = scan["whole"] & (scan["depth"] == 0) & ~scan["quoted"] & brackets.isin("[]", "{}")
    found = F.transform(F.sequence(F.lit(1), F.greatest(F.size(cuts) - 1, F.lit(1))), piece)
    return F.when(balanced, _let(found, without_blanks))
