"""HTML of mail as plain text: paragraphs, lists, links and quotes, with a mark where the quoted history begins."""

import re
from html.parser import HTMLParser

import nh3

QUOTE_MARK = "\ufdd0"
"""Stands alone on a line before what a mail program says is quoted; no character of any text."""

MOST_CHARACTERS = 2_000_000
MOST_DEPTH = 500
_MOST_QUOTES = 20
_NESTING = re.compile(
    r"<(/?)(?:div|span|font|blockquote|table|section|article|center|strong|small|em|b|i|u|s|a|ul|ol|dl)(?=[\s>/])",
    re.IGNORECASE,
)
_BLOCKS = {
    "p", "div", "br", "tr", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "table", "blockquote", "pre", "hr",
    "section", "article", "header", "footer", "dt", "dd", "dl", "center", "address",
}  # fmt: skip
_SPACED = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre"}
_QUOTE_CLASSES = {
    "gmail_quote", "gmail_extra", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote", "zmail_extra",
    "outlookmessageheader", "tutanota_quote", "mail_android_quote", "gmail_quote_container", "ox-quote",
}  # fmt: skip
_QUOTE_IDS = re.compile(r"(x_)*(appendonsend|divrplyfwdmsg|mail-editor-reference-message-container|reply-intro|"
                        r"yiv.*yahoo_quoted|replysplit|isforwardcontent)", re.IGNORECASE)  # fmt: skip
_OUTLOOK_LINE = re.compile(r"border-top:\s*solid\s*#(e1e1e1|b5c4df)", re.IGNORECASE)
_KEPT = {*_BLOCKS, "a", "b", "strong", "i", "em", "span", "td", "th", "img", "tbody", "thead", "font"}
_ATTRIBUTES = {tag: {"class", "id", "style"} for tag in ("div", "blockquote", "p", "hr", "span", "table")}
_ATTRIBUTES |= {"a": {"href"}, "img": {"alt"}}


def text_of(html: str) -> str:
    """What a person reads of it; `QUOTE_MARK` lines stand before quoted history, quotes are led by `> `."""
    html = html[:MOST_CHARACTERS]
    if too_deep(html):
        return " ".join(re.sub(r"<[^<>]{0,2000}>", " ", html).split())
    tidy = nh3.clean(
        html, tags=_KEPT, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto", "tel"},
        clean_content_tags={"script", "style", "title", "template", "head", "noscript"}, link_rel=None,
    )  # fmt: skip
    reader = _Reader()
    reader.feed(tidy)
    reader.close()
    return reader.text()


def too_deep(html: str) -> bool:
    """Whether its elements are nested so deeply that no mail program made it, and reading it would take long."""
    depth = 0
    for found in _NESTING.finditer(html):
        depth += -1 if found[1] else 1
        if depth > MOST_DEPTH:
            return True
    return False


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._now: list[str] = []
        self._quotes = 0
        self._links: list[tuple[str, int]] = []
        self._pre = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _BLOCKS:
            self._break(spaced=tag in _SPACED, blank=tag == "br")
        if _begins_quote(given) and not self._quotes:
            self._break()
            self._lines.append(QUOTE_MARK)
        match tag:
            case "blockquote":
                self._quotes += 1
            case "pre":
                self._pre += 1
            case "li":
                self._now.append("- ")
            case "hr":
                self._lines.append(self._quoted("---"))
            case "td" | "th":
                self._now.append(" ")
            case "a":
                self._links.append((given.get("href", ""), len(self._now)))
            case "img" if given.get("alt"):
                self._now.append(f"[{given['alt']}]")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS and tag != "br":
            self._break(spaced=tag in _SPACED)
        match tag:
            case "blockquote":
                self._quotes = max(0, self._quotes - 1)
            case "pre":
                self._pre = max(0, self._pre - 1)
            case "a" if self._links:
                href, begin = self._links.pop()
                shown = "".join(self._now[begin:]).strip()
                target = href.removeprefix("mailto:").removeprefix("tel:")
                if target and shown and target.rstrip("/") not in (shown, f"http://{shown}", f"https://{shown}"):
                    self._now.append(f" ({target})")

    def handle_data(self, data: str) -> None:
        if not self._pre:
            self._now.append(re.sub(r"[ \t\r\n\f\u200b]+", " ", data))
            return
        first, *others = data.split("\n")
        self._now.append(first)
        for line in others:
            self._break()
            self._now.append(line)

    def text(self) -> str:
        self._break()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self._lines)).strip("\n")

    def _break(self, *, spaced: bool = False, blank: bool = False) -> None:
        line = re.sub(r" {2,}", " ", "".join(self._now)).strip() if not self._pre else "".join(self._now).rstrip()
        written = bool(line)
        if line or blank or (self._pre and self._now):
            self._lines.append(self._quoted(line))
        self._now, self._links = [], [(href, 0) for href, _ in self._links]
        if spaced and (written or self._lines) and self._lines[-1:] not in ([""], [QUOTE_MARK]):
            self._lines.append(self._quoted("").rstrip() if self._quotes else "")

    def _quoted(self, line: str) -> str:
        return (">" * min(self._quotes, _MOST_QUOTES) + " " if self._quotes else "") + line


def _begins_quote(given: dict[str, str]) -> bool:
    classes = set(given.get("class", "").lower().split())
    return bool(
        classes & _QUOTE_CLASSES
        or _QUOTE_IDS.fullmatch(given.get("id", ""))
        or _OUTLOOK_LINE.search(given.get("style", ""))
    )
