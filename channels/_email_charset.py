"""Bytes of mail as text, whatever charset they claim: declared, lying, missing or unknown.

Names as browsers take them: https://encoding.spec.whatwg.org/#names-and-labels
"""

import codecs
import re

_ALIASES = {
    "iso-8859-1": "cp1252", "latin1": "cp1252", "latin-1": "cp1252", "us-ascii": "cp1252", "ascii": "cp1252",
    "ansi_x3.4-1968": "cp1252", "iso-8859-9": "cp1254", "iso-8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "x-gbk": "gb18030", "cn-gb": "gb18030",
    "shift_jis": "cp932", "shift-jis": "cp932", "sjis": "cp932", "x-sjis": "cp932", "ms_kanji": "cp932",
    "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "korean": "cp949", "big5": "big5hkscs", "big5-hkscs": "big5hkscs",
    "iso-2022-jp": "iso2022_jp_ext", "utf8": "utf-8", "utf-8": "utf-8", "unicode-1-1-utf-8": "utf-8",
    "utf-16": "utf-16", "unicode": "utf-16", "macintosh": "mac-roman", "x-mac-roman": "mac-roman",
    "iso-8859-8-i": "iso8859-8", "windows-874": "cp874",
}  # fmt: skip
_PLAUSIBLE = [
    "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "koi8_r", "gb18030", "big5", "cp932",
    "euc_jp", "cp949",
]  # fmt: skip
_SAMPLE_BYTES = 20_000
_SINGLE_BYTE = re.compile(r"cp125\d|iso8859|koi8|mac|cp874")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufeff]")


def decoded(data: bytes, declared: str = "") -> str:
    """The text, in the likeliest charset; clean, and never an error."""
    return clean(_decoded(data, declared))


def clean(text: str) -> str:
    """The text without NUL, other control characters and lone surrogates; lines end in a line feed."""
    return _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _decoded(data: bytes, declared: str) -> str:
    name = _known(declared)
    if data.startswith(codecs.BOM_UTF8):
        return data.decode("utf-8", "replace")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    if b"\x1b$" in data or b"\x1b(J" in data:
        name = name if name.startswith("iso2022") else "iso2022_jp_ext"
        return data.decode(name, "replace")
    if data.isascii() and name not in ("utf-16", "utf-7", "utf-16-le", "utf-16-be", "hz", "utf-32"):
        return data.decode("ascii")
    if name != "utf-8" and (not name or _SINGLE_BYTE.match(name) or _three_bytes_long(data)):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            pass
    if name:
        try:
            return data.decode(name)
        except (UnicodeError, ValueError):
            pass
    return _guessed(data)


def _known(declared: str) -> str:
    """Python's name of a declared charset, else nothing."""
    label = declared.strip().strip("\"'").strip().lower()[:60]
    try:
        name = _ALIASES.get(label) or codecs.lookup(label).name
        b"".decode(name)  # what Python calls codecs and are no charsets raise here
    except (LookupError, ValueError, UnicodeError, TypeError):
        return ""
    return "" if name in ("idna", "punycode", "raw_unicode_escape", "unicode_escape", "undefined") else name


def _three_bytes_long(data: bytes) -> bool:
    """Whether it holds what is a character of three bytes or more in UTF-8: two-byte ones may be a coincidence."""
    return re.search(rb"[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", data) is not None


def _guessed(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start > len(data) - 4 and error.start > 0:  # cut off within a character
            return data.decode("utf-8", "replace")
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE_BYTES], cp_isolation=_PLAUSIBLE, threshold=0.4).best()
    try:
        return data.decode(best.encoding if best else "cp1252")
    except UnicodeError:
        return data.decode("cp1252", "replace")
