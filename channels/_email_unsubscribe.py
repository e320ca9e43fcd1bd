"""The page behind the unsubscribe link of our mails: asking is harmless, since programs follow links too."""

from hub.channel import Reply

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="robots" content="noindex">
<title>{title}</title>
<link rel="stylesheet" href="/static/hub.css"><link rel="stylesheet" href="/static/mail.css"></head>
<body><main class="notice-page"><h1>{title}</h1><p>{text}</p>{more}</main></body>
</html>"""
_BUTTON = '<form method="post"><button class="button primary" type="submit">Unsubscribe</button></form>'


def ask() -> Reply:
    text = "You will get no more mail from us at this address. You can still write to us."
    return _page("Unsubscribe from our mail?", text, _BUTTON)


def done() -> str:
    return _PAGE.format(title="You are unsubscribed", text="We will send no more mail to this address.", more="")


def _page(title: str, text: str, more: str) -> Reply:
    return Reply(body=_PAGE.format(title=title, text=text, more=more), media_type="text/html; charset=utf-8")
