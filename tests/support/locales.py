"""The locales in whose conventions tests write amounts."""

from __future__ import annotations

_POINT = "en_US en_GB en_IN es_MX hi_IN bn_BD th_TH he_IL ar_EG ar_AE ja_JP zh_CN ko_KR ms_MY mr_IN"
_COMMA = """
de_DE de_AT fr_FR fr_CA it_IT es_ES pt_BR pt_PT nl_NL nl_BE sv_SE nb_NO da_DK fi_FI pl_PL cs_CZ sk_SK hu_HU ro_RO ru_RU
uk_UA el_GR tr_TR id_ID vi_VN lt_LT et_EE sl_SI sr_RS en_ZA
"""

LOCALES = {".": _POINT.split(), ",": _COMMA.split()}
"""Locales by the mark before the decimals; their digits are those of ASCII or of another script."""
