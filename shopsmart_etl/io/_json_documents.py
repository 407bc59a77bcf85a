"""Find the documents in JSON text: all at once where the text is valid JSON, each by itself where it is not.

Everything is SQL text. On Spark Connect, an expression built from columns is a message inside messages, of which
Google's library decodes a hundred at most.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from pyspark.sql.types import ArrayType, DataType, IntegerType, StringType, StructField, StructType

from shopsmart_etl._core.sql import call, field_of, if_, lambda_, let, literal, struct_of, type_sql
from shopsmart_etl.io._json_text import BYTE_ORDER_MARK, SPACE, STRING, bare, is_array, split
from shopsmart_etl.io._json_types import parsed_type

_LONGEST = 2**31 - 1
# Single quotes and NaN, which JSON does not have.
_OPTIONS = {"columnNameOfCorruptRecord": "bad", "allowSingleQuotes": "false", "allowNonNumericNumbers": "false"}
_MEMBER = rf'(?s)^"([^"\\]*)"[{SPACE}]*:[{SPACE}]*(.*)$'
# The end of a document before the beginning of another, outside of strings: nowhere inside a valid document.
_TO_NEXT = rf'(?s)\G((?:[^"}}]++|{STRING}|\}}(?!\s*+\{{))*+)\}}\s*+\{{'
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

    def found(self, text: str) -> str:
        """Write the documents of text as an array; null unless all of the text is valid and fits the schema."""
        marked = call("startswith", text, literal(BYTE_ORDER_MARK))
        unmarked = if_(marked, call("substring", text, "2", str(_LONGEST)), text)
        array = if_(is_array(text), unmarked, _in_brackets(unmarked))
        return let("parsed", self._parse(array, self._value), self._documents("parsed"))

    def _documents(self, parsed: str) -> str:
        documents = self._values(parsed)
        if self._path:
            inside = "value"
            for name in self._path:
                inside = field_of(inside, name)
            # Null where one of them is.
            documents = call("flatten", call("transform", documents, lambda_("value", inside)))
        has_null = call("exists", documents, lambda_("one", "one IS NULL"))
        return if_(f"{self._is_complete(parsed)} AND NOT {has_null}", documents)

    def texts(self, text: str) -> str:
        """Write the text of each document and of its envelope, as an array of structs.

        Where the documents cannot be separated, there is one, which is all of the text.
        """
        separable = f"{text} RLIKE {literal(_HAS_NEXT)}"
        values = if_(is_array(text), split(bare(text)), if_(separable, _concatenated(bare(text))))
        if not self._path:
            each = call("transform", values, lambda_("one", _alone("one")))
        else:
            # One page that is damaged does not affect those before and after it in a file of several.
            in_pages = self._in_pages("one")
            inside = call("transform", "pages", lambda_("one", in_pages))
            kept = call("transform", "pages", lambda_("one", f"coalesce({in_pages}, array({_alone('one')}))"))
            each = call("flatten", if_(f"({is_array(text)} OR size(pages) = 1)", inside, kept))
            each = let("pages", values, if_("pages IS NULL", self._in_pages(bare(text)), each))
        return f"coalesce({each}, array({_alone(text)}))"

    def is_valid(self, text: str) -> str:
        """Write whether text is one valid JSON value; never null."""
        one = f"({self._is_complete('plain', as_text=True)} AND size({self._values('plain')}) = 1)"
        return let("plain", self._parse(_in_brackets(text), StringType()), one)

    def _parse(self, array: str, of: DataType) -> str:
        start, end = literal(f'{{"{self._guard}":['), literal(f",[{self._guard_text}]]}}")
        line = StructType([StructField(self._guard, ArrayType(ArrayType(of))), StructField("bad", StringType())])
        options = call("map", *(f"'{part}'" for option in _OPTIONS.items() for part in option))
        return call("from_json", call("concat", start, array, end), literal(type_sql(line)), options)

    @property
    def _guard_text(self) -> str:
        return f'{{"{self._guard}":1}}'

    def _values(self, parsed: str) -> str:
        # Not by [0], which fails the job where the parser has stopped before the first array.
        return call("get", field_of(parsed, self._guard), "0")

    def _is_complete(self, parsed: str, *, as_text: bool = False) -> str:
        """Write whether all of the text was read as one array; never null."""
        arrays = field_of(parsed, self._guard)
        last = f"get(get({arrays}, 1), 0)"
        guarded = f"{last} = {literal(self._guard_text)}" if as_text else f"{field_of(last, self._guard)} = 1"
        return f"coalesce({parsed}.bad IS NULL AND size({arrays}) = 2 AND {guarded}, false)"

    def _in_pages(self, text: str) -> str:
        """Split an envelope into its documents and the rest; null where the rest is not valid."""
        each = call("transform", "page.texts", lambda_("document", _with_envelope("document", "page.rest")))
        return let("page", _in_members(text, self._path), if_(self.is_valid("page.rest"), each))


def _alone(text: str) -> str:
    return _with_envelope(text, "CAST(NULL AS STRING)")


def _with_envelope(text: str, envelope: str) -> str:
    return struct_of([("text", text), ("envelope", envelope)])


def _parsed(schema: StructType) -> StructType:
    parsed = parsed_type(schema)
    assert isinstance(parsed, StructType)  # noqa: S101 - narrows the type
    return parsed


def _in_members(text: str, path: Sequence[str]) -> str:
    """Split a JSON object into the texts of the documents at a path, and its own text without them."""
    members = [f"members{level}" for level in range(len(path))]
    values = [_member(of, name) for of, name in zip(members, path, strict=True)]
    value, rest = values[-1], "'[]'"
    for of, name in zip(reversed(members), reversed(path), strict=True):
        others = call("filter", of, lambda_("member", f"NOT {_is_named('member', name)}"))
        member = f"concat({literal(json.dumps(name) + ':')}, {rest})"
        rest = f"concat('{{', array_join(concat({others}, array({member})), ','), '}}')"
    # A path that is sometimes one document and sometimes an array of them.
    texts = if_(f"startswith({value}, '[')", split(value), if_(f"startswith({value}, '{{')", f"array({value})"))
    found = struct_of([("texts", texts), ("rest", rest)])
    for of, inside in zip(reversed(members), reversed([text, *values[:-1]]), strict=True):
        found = let(of, if_(f"startswith({inside}, '{{')", split(inside)), found)
    return found


def _member(members: str, name: str) -> str:
    """Write the text of the only member of a name; null if there are none or several."""
    named = call("filter", members, lambda_("member", _is_named("member", name)))
    return if_(f"size({named}) = 1", call("regexp_extract", f"get({named}, 0)", literal(_MEMBER), "2"))


def _is_named(member: str, name: str) -> str:
    return f"{call('regexp_extract', member, literal(_MEMBER), '1')} = {literal(name)}"


def _concatenated(text: str) -> str:
    """Split text at the ends of its documents; null where one before the last is not balanced."""
    signs = call("regexp_replace", "one", literal(rf"(?s){STRING}"), "''")
    opening, closing = (f"length(replace(signs, '{sign}', ''))" for sign in "{}")
    is_balanced = let("signs", signs, f"{opening} = {closing}")
    separated = call("regexp_replace", text, literal(_TO_NEXT), literal(f"$1}}{_SEPARATOR}{{"))
    all_but_last = "slice(pieces, 1, size(pieces) - 1)"
    each = call("transform", "pieces", lambda_("one", bare("one")))
    checked = if_(call("forall", all_but_last, lambda_("one", is_balanced)), each)
    return let("pieces", call("split", separated, literal(_SEPARATOR)), checked)


def _in_brackets(text: str) -> str:
    return call("concat", "'['", text, "']'")
