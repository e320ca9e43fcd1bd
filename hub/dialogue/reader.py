"""A process of its own that reads one document: a file on stdin, its text as JSON on stdout.

Files come from anybody. Whatever one does to its reader, such as unpacking to no end, happens here, within bounds of
time and memory, and ends with this process. `python -m hub.dialogue.reader pdf < a.pdf`
"""

import contextlib
import csv
import html
import io
import json
import re
import sys
from html.parser import HTMLParser
from typing import Any

MOST_CHARACTERS = 1_000_000
MOST_PAGES = 2_000
MEMORY_BYTES = 1_500_000_000
CPU_SECONDS = 30
KINDS = ("txt", "md", "html", "pdf", "csv")
PAGE = "--- page {} ---"


class Unreadable(Exception):
    """Why there is no text; in words for who uploaded it."""


class _Page(HTMLParser):
    """The words of a page, without scripts and styles, one block a line; headings are marked as in Markdown."""

    _SILENT = frozenset({"script", "style", "template", "noscript", "svg", "nav", "iframe"})
    _INLINE = frozenset({"a", "b", "i", "em", "strong", "span", "small", "code", "u", "sub", "sup", "mark", "abbr"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.title = ""
        self._silent = 0
        self._titling = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in self._SILENT:
            self._silent += 1
        self._titling = tag == "title" and not self._silent
        if re.fullmatch(r"h[1-6]", tag):
            self.parts.append("\n\n# ")
        elif tag in ("p", "div", "section", "article", "table", "ul", "ol", "blockquote"):
            self.parts.append("\n\n")
        elif tag not in self._INLINE:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._titling = False
        if tag in self._SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in ("td", "th"):
            self.parts.append(" ")
        elif tag not in self._INLINE:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if self._titling:
            self.title += data
        elif not self._silent:
            self.parts.append(re.sub(r"\s+", " ", data))


def of_html(markup: str) -> tuple[str, str]:
    """The title of a page, and its words."""
    parser = _Page()
    parser.feed(markup)
    parser.close()
    lines = [" ".join(line.split()) for line in html.unescape("".join(parser.parts)).split("\n")]
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line for line in lines if line != "#"))
    return " ".join(parser.title.split())[:200], text.strip()


def of_csv(text: str) -> str:
    """Each row as a paragraph: "name: value" of each column."""
    with contextlib.suppress(csv.Error):
        rows = list(csv.reader(io.StringIO(text), csv.Sniffer().sniff(text[:10_000], ",;\t|")))
        if len(rows) > 1 and len(rows[0]) > 1:
            head, rest = rows[0], rows[1:]
            told = ["; ".join(f"{n}: {v}" for n, v in zip(head, row, strict=False) if v.strip()) for row in rest]
            return "\n\n".join(line for line in told if line)
    return text


def of_pdf(data: bytes) -> tuple[str, str]:
    """The title of a PDF, and the text of its pages, each under its number."""
    import logging

    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unreadable("The PDF is locked with a password. Save it without one.")
        if len(reader.pages) > MOST_PAGES:
            raise Unreadable(f"The PDF has {len(reader.pages):,} pages; {MOST_PAGES:,} can be read. Split it.")
        parts, size = [], 0
        for number, page in enumerate(reader.pages, 1):
            words = page.extract_text().strip()
            size += len(words)
            if size > MOST_CHARACTERS:
                raise Unreadable(TOO_LONG)
            if words:
                parts.append(f"{PAGE.format(number)}\n\n{words}")
        title = str((reader.metadata and reader.metadata.title) or "").strip()[:200]
    except Unreadable:
        raise
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, OSError) as error:
        raise Unreadable(f"The PDF is broken: {str(error)[:200] or type(error).__name__}. Save it anew.") from error
    if not parts:
        raise Unreadable("The PDF holds pictures and no text. Have its text recognised first, or paste it.")
    return title, "\n\n".join(parts)


TOO_LONG = f"The document has more than {MOST_CHARACTERS:,} characters. Split it into several."


def decoded(data: bytes) -> str:
    """Text in UTF-8 or UTF-16, else as Windows writes it."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode("utf-16")
    for encoding in ("utf-8-sig", "cp1252"):
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(encoding)
    raise Unreadable("The file is not text in UTF-8. Save it as UTF-8 and try again.")


def read(kind: str, data: bytes) -> tuple[str, str]:
    """Title (may be empty) and text of a document. Raises `Unreadable`."""
    if kind == "pdf" or data[:5] == b"%PDF-":
        title, text = of_pdf(data)
    else:
        title, text = "", decoded(data)
        if "\0" in text:
            raise Unreadable("The file holds characters that are no text. Save it as plain UTF-8 text.")
        if kind == "html":
            title, text = of_html(text)
        elif kind == "csv":
            text = of_csv(text)
    text = text.replace("\r\n", "\n").replace("\0", "").encode("utf-8", "ignore").decode().strip()
    if not text:
        raise Unreadable("The file holds no text.")
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(TOO_LONG)
    return title, text


def _bound() -> None:
    """No more memory and time than a document needs, where the system can do that."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main() -> None:
    _bound()
    try:
        title, text = read(sys.argv[1], sys.stdin.buffer.read())
        told = {"title": title, "text": text}
    except Unreadable as error:
        told = {"fault": str(error)}
    except MemoryError:
        told = {"fault": "The document needs more memory to be read than it may have. Split it, or save it anew."}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
