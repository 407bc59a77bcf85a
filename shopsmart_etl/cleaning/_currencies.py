"""Currencies as amounts name them: by code, symbol or abbreviation."""

# ruff: noqa: RUF001 - symbols of other scripts look like letters of ASCII

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from pyspark.sql import Column
from pyspark.sql import functions as F

from shopsmart_etl._core.currencies import MINOR_UNITS
from shopsmart_etl._core.nested_changes import bind

# Symbols of one currency each: a code, then its symbols, where an underscore is a space.
_UNIQUE = """
AED د.إ.|AFN ؋|AMD ֏|AOA Kz|AUD A$ AU$ $A $AU $_AU|AWG Afl.|AZN ₼|BAM KM КМ|BBD BBD$ Bds$|BDT ৳|BGN лв лв.|BHD د.ب.
BIF FBu|BMD BM$|BND B$|BRL R$ BR$|BSD BS$|BTN Nu.|BZD BZ$|CAD CA$ $CA $_CA|CDF FC|CNY CN¥|CRC ₡|CZK Kč Кч|DJF Fdj
DKK Dkr|DOP RD$|DZD د.ج.|EGP E£ EG£ ج.م.|EUR € Euro EURO euro Euros euros|FJD FJ$|FKP £FK|GBP UK£ GB£ £GB|GEL ₾
GHS ₵ GH₵|GIP £GI|HKD HK$ $HK $_HK|HUF Ft|IDR Rp|ILS ₪ NIS|INR ₹|IQD د.ع.|ISK Ikr|JMD J$ JM$|JOD د.أ.|JPY JP¥ 円
KES Ksh KSh|KHR ៛|KRW KR₩|KWD د.ك.|KZT ₸|LAK ₭|LBP £LB ل.ل.|LYD د.ل.|MAD د.م.|MNT ₮|MOP MOP$|MXN MX$ $MX|MYR RM
MZN MTn|NGN ₦|NOK Nkr|NZD NZ$ $NZ $_NZ|OMR ر.ع.|PAB B/.|PEN S/ S/.|PHP ₱|PLN zł зл|PYG ₲ Gs.|QAR ر.ق.|RSD дин.
RUB ₽|SAR ر.س.|SBD SI$|SDG ج.س.|SGD S$ SG$ $SG|SYP ل.س.|THB ฿|TND د.ت.|TRY ₺ TL|TTD TT$|TWD NT$|TZS TSh|UAH ₴ грн грн.
UGX USh|USD US$ $US $_US|UZS soʻm сўм|VND ₫|WST WS$|XCD EC$|XPF FCFP|YER ر.ي.|ZAR R|ZWG ZiG
"""
# Symbols of several currencies, of which the text does not tell the one that is meant.
_SHARED = """
$ USD ARS AUD BBD BMD BND BSD BZD CAD CLP COP CUP FJD GYD HKD JMD KYD LRD MXN NAD NZD SBD SGD SRD TTD TWD UYU XCD ZWL
C$ CAD NIO|£ GBP EGP FKP GIP LBP SDG SHP SSP SYP|¥ JPY CNY|₩ KRW KPW|﷼ IRR OMR QAR SAR YER|₨ INR LKR MUR NPR PKR SCR
Rs INR LKR MUR NPR PKR SCR|Rs. INR LKR MUR NPR PKR SCR|kr DKK ISK NOK SEK|kr. DKK ISK NOK SEK|lei MDL RON
din RSD MKD|din. RSD MKD|Fr CHF BIF DJF GNF KMF RWF XAF XOF|Fr. CHF BIF DJF GNF KMF RWF XAF XOF|руб RUB BYN|руб. RUB BYN
CFA XAF XOF|FCFA XAF XOF|F_CFA XAF XOF|ریال IRR OMR QAR SAR YER|元 CNY HKD MOP SGD TWD
"""


def _lines(text: str) -> list[list[str]]:
    return [[word.replace("_", " ") for word in part.split()] for part in re.split(r"[|\n]", text.strip())]


UNIQUE: Final = {symbol: code for code, *symbols in _lines(_UNIQUE) for symbol in symbols}
"""The currency of each symbol and abbreviation that only one currency has."""

SHARED: Final = {symbol: codes for symbol, *codes in _lines(_SHARED)}
"""The currencies of each symbol and abbreviation that several have."""

# A sign of Unicode, alone or after letters (US$, CAD $). Signs of a fraction are not read: 5¢ is not 5 of a currency.
_SIGNS = r"(?:[A-Z]{2,3}\s?|[A-Z]?)[\p{Sc}&&[^¢￠₥₰]]"
_CODE = "[A-Z]{3}"
# Common currencies first: Spark compares a key with those of a map one after another.
_COMMON = ("€", "$", "USD", "EUR", "£", "GBP", "US$", "JPY", "CHF")
# What no text at all means, and a symbol of several currencies.
_UNDECIDED = "???"


def currency_regex(symbols: Mapping[str, str]) -> str:
    """Return the regular expression of a currency.

    Args:
        symbols: The currencies of further symbols.
    """
    others = (text for text in {*UNIQUE, *SHARED, *symbols} if unicodedata.category(text[-1]) != "Sc")
    # The longest first, so that the dot of "Rs.5" is that of the abbreviation.
    texts = sorted(others, key=lambda text: (-len(text), text))
    return f"(?:{'|'.join([_SIGNS, _CODE, *map(_escaped, texts)])})"


def _escaped(text: str) -> str:
    """Escape the signs of ASCII: Rust's regular expressions, on Sail, refuse a backslash before others."""
    return "".join(f"\\{sign}" if sign.isascii() and not sign.isalnum() and sign != " " else sign for sign in text)


def currency_code(before: Column, after: Column, symbols: Mapping[str, str]) -> Column:
    """Make the code of the currency of an amount, from the texts before and after the amount, which may be empty.

    Null where neither text means one currency, and where they contradict each other.

    Args:
        before: The text before the amount.
        after: The text after it.
        symbols: The currencies of symbols that have several or are unknown.
    """
    table = "\n".join(f"{text}\t{meaning}" for text, meaning in _meanings(symbols).items())
    # Spark evaluates the map once, since its argument is constant.
    meanings = F.str_to_map(F.lit(table), F.lit("\n"), F.lit("\t"))
    both = F.struct(F.element_at(meanings, before).alias("before"), F.element_at(meanings, after).alias("after"))
    return bind(both, _decided)


def _decided(meanings: Column) -> Column:
    of_before, of_after = meanings.getField("before"), meanings.getField("after")
    code_before, code_after = F.substring(of_before, 1, 3), F.substring(of_after, 1, 3)
    # One of them decides, if the other can mean the same: $5 CAD.
    code = F.when(of_after.contains(code_before), code_before).when(of_before.contains(code_after), code_after)
    return F.nullif(code, F.lit(_UNDECIDED))


def _is_sign(text: str) -> bool:
    return len(text) == 1 and unicodedata.category(text) == "Sc"


def _has_country(text: str) -> bool:
    return len(text) == 3 and text[:2].isupper() and _is_sign(text[2])  # noqa: PLR2004 - a country and a sign


def _meanings(symbols: Mapping[str, str]) -> dict[str, str]:
    """Map each text to the code that it means alone, followed by all codes that it may mean."""
    meanings = {"": (_UNDECIDED, list(MINOR_UNITS))} | {code: (code, [code]) for code in MINOR_UNITS}
    meanings |= {symbol: (code, [code]) for symbol, code in UNIQUE.items()}
    meanings |= {symbol: (_UNDECIDED, codes) for symbol, codes in SHARED.items()}
    meanings |= {f"{text[:2]} {text[2]}": meaning for text, meaning in meanings.items() if _has_country(text)}
    meanings |= {f"{code}{space}$": (code, [code]) for code in SHARED["$"] for space in ("", " ")}
    for symbol, code in symbols.items():
        _, codes = meanings.get(symbol, ("", []))
        meanings[symbol] = (code, [code, *codes])
    first = {text: meanings[text] for text in ("", *symbols, *_COMMON)}
    return {text: " ".join(dict.fromkeys([alone, *codes])) for text, (alone, codes) in (first | meanings).items()}
