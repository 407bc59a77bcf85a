"""Find the documents in JSON text: all at once where the text is valid JSON, each by itself where it is not."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, DataType, IntegerType, StringType, StructField, StructType

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


class JsonDocuments:
    """Parses text into documents and the text of those that do not fit the schema.

    Spark's parser stops after the first value, ignores fields that the schema lacks, and may return part of a value
    that is not valid JSON. The text is therefore parsed inside an array that ends with a guard, whose name no file can
    know: text that closes the array early, or that does not end, loses the guard.

    Attributes:
        type: The type of a document: the schema's fields, then one for the guard, which is always null.
    """

    def __init__(self, schema: StructType, records: str | None) -> None:
        """Take the fields of a document and, for envelopes, the name of the field with the documents."""
        self._guard = uuid4().hex
        guard = StructField(self._guard, IntegerType())
        self.type = StructType([*schema, guard])
        self._records = records
        self._value = self.type if records is None else StructType([StructField(records, ArrayType(self.type)), guard])

    def parse(self, text: Column) -> Column:
        """Parse text as one value, or as an array of values."""
        marked = F.startswith(text, F.lit(_BYTE_ORDER_MARK))
        bare = F.when(marked, F.substring(text, 2, _LONGEST)).otherwise(text)
        return self._parse(F.when(_is_array(text), bare).otherwise(_in_brackets(bare)), self._value)

    def found(self, parsed: Column) -> Column:
        """Return the documents of parsed text as an array; null unless all of the text is valid and fits the schema."""
        documents = self._values(parsed)
        if self._records is not None:
            inside = F.transform(documents, lambda one: one.getField(self._records))
            documents = F.flatten(inside)  # null where one of them is
        return F.when(self._is_complete(parsed) & ~F.exists(documents, lambda one: one.isNull()), documents)

    def repair(self, text: Column) -> Column:
        """Return an array of structs, ``document`` and ``corrupt``, for text that does not parse as a whole.

        Each document that can be separated is parsed by itself. Where none can, there is one null document, and all of
        the text is corrupt.
        """
        bare = _bare(text)
        texts = F.when(_is_array(text), _split(bare)) if self._records is None else self._in_envelopes(bare)
        each = F.transform(texts, lambda one: self._repair_one(one, one))
        if self._records is None:
            each = F.when(~_is_array(text), F.array(self._repair_one(bare, text))).otherwise(each)
        nothing = F.struct(F.lit(None).cast(self.type).alias("document"), text.alias("corrupt"))
        return F.coalesce(each, F.array(nothing))

    def _repair_one(self, text: Column, shown: Column) -> Column:
        def repaired(both: Column) -> Column:
            typed, plain = both["typed"], both["plain"]
            values = self._values(typed)
            document = F.get(values, F.lit(0))
            alone = (F.size(values) == 1) & (F.size(self._values(plain)) == 1)
            # Parsed as text, a value of another type than the schema's is no fault: part of the document was read.
            valid = self._is_complete(plain, as_text=True) & alone
            whole = F.coalesce(self._is_complete(typed) & valid & document.isNotNull(), F.expr("false"))
            return F.struct(F.when(valid, document).alias("document"), F.when(~whole, shown).alias("corrupt"))

        typed, plain = (self._parse(_in_brackets(text), of) for of in (self.type, StringType()))
        return _let(F.struct(typed.alias("typed"), plain.alias("plain")), repaired)

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

    def _in_envelopes(self, text: Column) -> Column:
        """Split envelopes into the text of their documents; null where the rest of one is not valid either."""
        envelopes = F.when(_is_array(text), _split(text)).otherwise(F.array(text))
        return F.flatten(F.transform(envelopes, lambda one: _let(_split(one), self._in_members)))

    def _in_members(self, members: Column) -> Column:
        def has_documents(member: Column) -> Column:
            return F.regexp_extract(member, _MEMBER, 1) == F.lit(self._records)

        def value(member: Column) -> Column:
            return F.regexp_extract(member, _MEMBER, 2)

        # Without its documents, an envelope has to be valid JSON.
        others = F.transform(members, lambda one: F.when(has_documents(one), F.lit('"":[]')).otherwise(one))
        rest = F.concat(F.lit("{"), F.array_join(others, ","), F.lit("}"))
        valid = self._is_complete(self._parse(_in_brackets(rest), StringType()), as_text=True)
        with_documents = F.filter(members, has_documents)
        documents = value(F.get(with_documents, F.lit(0)))
        separable = valid & (F.size(with_documents) == 1) & F.startswith(documents, F.lit("["))
        return F.when(separable, _split(documents))


def _is_array(text: Column) -> Column:
    return ~F.startswith(text, F.lit("{")) & text.rlike(rf"{BLANK}\[")


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
