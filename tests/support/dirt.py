"""Generate dirty log lines: common faults of servers, exports and manual edits, each with its expected outcome."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Outcome: TypeAlias = Literal["kept", "filled", "quarantined", "resent", "twice"]
Order: TypeAlias = dict[str, Any]
COLUMNS = "kind", "order_id", "user", "at", "country", "quantity", "price", "tax", "rate", "day"
HEADER = ",".join(COLUMNS)


class Kind(NamedTuple):
    """A kind of fault: the expected outcome of the line, and a function that writes an order with the fault."""

    outcome: Outcome
    spoil: Callable[[Order, Random], str]


def _line(order: Order) -> str:
    return ",".join(map(str, order.values()))


def _with(column: str, *values: str) -> Callable[[Order, Random], str]:
    return lambda order, random: _line(order | {column: random.choice(values)})


def _without(column: str) -> Callable[[Order, Random], str]:
    return lambda order, _: json.dumps({name: value for name, value in order.items() if name != column})


def _json(column: str, *values: object) -> Callable[[Order, Random], str]:
    return lambda order, random: json.dumps({**order, column: random.choice(values)})


CSV: dict[str, Kind] = {
    "clean": Kind("kept", lambda order, _: _line(order)),
    "no amount": Kind("filled", _with("price", "")),
    "a word for no amount": Kind("filled", _with("price", "N/A", "UNKNOWN", "ERROR", "null", "-", " n/a ")),
    "currency and thousands": Kind("kept", _with("price", '"$1,234.50"', "US$ 5", "5 EUR", "£7.25")),
    "accountants' negative": Kind("kept", _with("price", "(12.00)", "12.00-", "-12.00")),
    "exponent and sign": Kind("kept", _with("price", "1e3", "+3")),
    "spaces around": Kind("kept", _with("price", "  9.90 ", "\u00a09.90\u00a0", "\t9.90")),
    "quotes and commas": Kind("kept", _with("user", '"O""Hara, ""Ada"""')),
    "emoji and accents": Kind("kept", _with("user", "José 😀 漢字")),
    "no user": Kind("kept", _with("user", "")),
    "no amount at all": Kind("quarantined", _with("price", "free", "1.2.3", "12,3,4".replace(",", "."), "NaN€")),
    "too many decimals": Kind("quarantined", _with("price", "9.999")),
    "too large": Kind("quarantined", _with("price", "9" * 40)),
    "text for a number": Kind("quarantined", _with("quantity", "many", "1.5", "0x10")),
    "out of range": Kind("quarantined", _with("quantity", "-7", "0", "1000001")),
    "too big for an int": Kind("quarantined", _with("quantity", "3000000000")),
    "no such date": Kind("quarantined", _with("at", "2026-02-30 10:00:00", "31/12/2026", "yesterday")),
    "no such country": Kind("quarantined", _with("country", "XX", "UK", "Ireland", "")),
    "cut off": Kind("quarantined", lambda order, _: _line(order).rsplit(",", 2)[0]),
    "too many fields": Kind("quarantined", lambda order, _: _line(order) + ",extra,fields"),
    "quote not closed": Kind("quarantined", _with("user", '"ada')),
    "no order": Kind("quarantined", _with("order_id", "")),
    "header again": Kind("quarantined", lambda order, _: order["kind"] + HEADER.removeprefix("kind")),
    "binary": Kind(
        "quarantined", lambda order, random: order["kind"] + ",\x00\x01\x1f" + chr(random.randrange(256, 999))
    ),
    "comma for a point": Kind("quarantined", _with("tax", '"12,50"', '"1.234,50"', '"1,2,3"')),
    "decimals that would be rounded": Kind("quarantined", _with("tax", "1.255", "0.001", "1e-3")),
    "sign of another alphabet": Kind("quarantined", _with("tax", "\uff11\uff12", "\u0661")),
    "suffix or prefix of a number": Kind("quarantined", _with("rate", "5d", "5F", "0x1p3")),
    "too large or small for a double": Kind("quarantined", _with("rate", "1e400", "-1e400", "1e-400")),
    "time without a day": Kind("quarantined", _with("at", "12:30:00", "12:30")),
    "part of a date": Kind("quarantined", _with("day", "2026", "202601", "2026-01", "20260105")),
    "text after a date": Kind("quarantined", _with("day", "2026-01-05 lunch", "2026-01-05T23:00:00-05:00")),
    "digits for a time": Kind("quarantined", _with("at", "1767603600000", "20260105")),
    "bytes of another encoding": Kind("quarantined", _with("user", "Jos\udce9", "\udcff\udcfe", "\udc80")),
    "replacement sign": Kind("kept", _with("user", "Jos\ufffd")),
    "text after a quote": Kind("quarantined", _with("user", '"ada"x', '"ada" ')),
    "backslash before a quote": Kind("quarantined", _with("user", r'"a \"b\" c"')),
    "quote inside a field": Kind("kept", _with("user", '5" ada', "o'hara")),
    "integer with a point": Kind("kept", _with("quantity", "12.0", "7.")),
    "number in other forms": Kind("kept", _with("tax", "1e1", "+1.50", ".5", "1.2500", " 2 ")),
    "sent again": Kind("resent", lambda order, _: _line(order)),
}
JSON: dict[str, Kind] = {
    "clean": Kind("kept", lambda order, _: json.dumps(order)),
    "no amount": Kind("filled", _json("price", None, "", "N/A")),
    "field not there": Kind("filled", _without("price")),
    "amount as text": Kind("kept", _json("price", "$1,234.50", " 9.90 ")),
    "amount as number": Kind("kept", _json("price", 9.9, 1000, 0.1)),
    "one more field": Kind("kept", _json("loyalty", {"points": 7}, ["a"], None)),
    "key twice": Kind("kept", lambda order, _: json.dumps(order)[:-1] + ', "user": "last"}'),
    "escapes": Kind("kept", _json("user", 'O"Hara\n\u2028\\', "\ud83d\ude00")),
    "null user": Kind("kept", _json("user", None)),
    "in an array": Kind("kept", lambda order, _: f"[{json.dumps(order)}]"),
    "spaces around": Kind("kept", lambda order, _: f"  {json.dumps(order)} \t"),
    "text for a number": Kind("quarantined", _json("quantity", "many", 1.5, [1], {"n": 1})),
    "too big for an int": Kind("quarantined", _json("quantity", 3_000_000_000)),
    "object for text": Kind("quarantined", _json("country", {"code": "GB"})),
    "out of range": Kind("quarantined", _json("quantity", -7, 0)),
    "no amount at all": Kind("quarantined", _json("price", "free", "1,2,3")),
    "no such country": Kind("quarantined", _json("country", "XX", None)),
    "no order": Kind("quarantined", _json("order_id", None)),
    "cut off": Kind("quarantined", lambda order, random: json.dumps(order)[: -random.randrange(2, 30)]),
    "trailing comma": Kind("quarantined", lambda order, _: json.dumps(order)[:-1] + ",}"),
    "two on a line": Kind("twice", lambda order, _: json.dumps(order) * 2),
    "something behind": Kind("quarantined", lambda order, _: json.dumps(order) + " # checked"),
    "no quotes": Kind("quarantined", lambda order, _: json.dumps(order).replace('"', "")),
    "NaN": Kind("quarantined", lambda order, _: json.dumps(order | {"quantity": "@"}).replace('"@"', "NaN")),
    "no object": Kind("quarantined", lambda _, random: random.choice(["null", "7", '"x"', "]", "<html>"])),
    "CSV": Kind("quarantined", lambda order, _: _line(order)),
    "comma for a point": Kind("quarantined", _json("tax", "12,50", "1.234,50", "1,2,3")),
    "decimals that would be rounded": Kind("quarantined", _json("tax", 1.255, 0.001, "1.255")),
    "too large or small for a double": Kind(
        "quarantined",
        lambda order, random: json.dumps(order)[:-1] + f', "rate": {random.choice(["1e400", "1e-400"])}}}',
    ),
    "string for a number": Kind("quarantined", _json("rate", "0.5", "")),
    "string for an integer": Kind("quarantined", _json("quantity", "7", "")),
    "time without a day": Kind("quarantined", _json("at", "12:30:00", "12:30")),
    "part of a date": Kind("quarantined", _json("day", "2026", "2026-01", 2026, 20260105, "20260105")),
    "text after a date": Kind("quarantined", _json("day", "2026-01-05 lunch")),
    "number for a time": Kind("quarantined", _json("at", 1767603600000, 1767603600.5)),
    "empty text for a number": Kind("quarantined", _json("tax", "")),
    "bytes of another encoding": Kind(
        "quarantined", lambda order, _: json.dumps(order | {"user": "Jos\udce9"}, ensure_ascii=False)
    ),
    "replacement sign": Kind("kept", lambda order, _: json.dumps(order | {"user": "\ufffd"}, ensure_ascii=False)),
    "control character": Kind("quarantined", lambda order, _: json.dumps(order | {"user": "@"}).replace("@", "\t")),
    "single quotes": Kind("quarantined", lambda order, _: json.dumps(order).replace('"', "'")),
    "leading zero": Kind("quarantined", lambda order, _: json.dumps(order | {"tax": "@"}).replace('"@"', "012")),
    "key in another case": Kind(
        "kept", lambda order, _: json.dumps({name.title(): value for name, value in order.items()})
    ),
    "integer with a point": Kind("kept", _json("quantity", 12.0)),
    "number for a string": Kind("kept", _json("user", 1.5, 7, 1e300)),
    "number in other forms": Kind("kept", _json("tax", 10.0, "1.50", "+1.5", 1e2)),
    "sent again": Kind("resent", lambda order, _: json.dumps(order)),
}


def lines(kinds: dict[str, Kind], count: int, seed: int, dirty: float = 0.5) -> Iterator[tuple[str, str]]:
    """Generate lines, each with its kind. ``dirty`` is the share of lines with a fault.

    Lines of the kind "sent again" repeat the order of an earlier clean line with a later time.
    """
    random = Random(seed)  # noqa: S311 - not used for security
    names = list(kinds)
    clean: Order | None = None
    for number in range(count):
        kind = random.choice(names) if random.random() < dirty else "clean"
        if kind == "sent again" and clean is None:
            kind = "clean"
        order: Order = {
            "kind": kind,
            "order_id": f"o-{number}",
            "user": f"u-{random.randrange(1000)}",
            "at": f"2026-01-{1 + number % 28:02} 10:00:00",
            "country": random.choice(["GB", "IE", "DE"]),
            "quantity": str(random.randrange(1, 100)),
            "price": f"{random.randrange(1, 10_000)}.{random.randrange(100):02}",
            "tax": f"{random.randrange(100)}.{random.randrange(100):02}",
            "rate": str(random.randrange(100) / 8),
            "day": f"2026-01-{1 + number % 28:02}",
        }
        if kind == "clean":
            clean = order
        elif kind == "sent again" and clean is not None:
            order = clean | {"kind": kind, "at": "2026-02-01 10:00:00"}
            clean = None  # once
        if kinds is JSON:
            order = order | {"quantity": int(order["quantity"]), "rate": float(order["rate"])}
        yield kind, kinds[kind].spoil(order, random)
