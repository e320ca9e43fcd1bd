"""What the carrier is told to do with a call: TwiML, https://www.twilio.com/docs/voice/twiml"""

from xml.sax.saxutils import escape, quoteattr

MEDIA_TYPE = "text/xml"
_ONE_MOMENT = "One moment, please."
_SORRY = "We are sorry. We cannot take your call just now. Please try again later."


def _response(*verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'


def _redirect(url: str) -> str:
    return f'<Redirect method="POST">{escape(url)}</Redirect>'


def connect(stream: str, ticket: str, afterwards: str) -> str:
    """Open a media socket at `stream`; when it ends and the call does not, ask `afterwards` what to do."""
    parameter = f'<Parameter name="ticket" value={quoteattr(ticket)}/>'
    opened = f"<Connect><Stream url={quoteattr(stream)}>{parameter}</Stream></Connect>"
    return _response(opened, _redirect(afterwards))


def one_moment(afterwards: str) -> str:
    """Ask for patience, then ask `afterwards`."""
    return _response(f"<Say>{_ONE_MOMENT}</Say>", '<Pause length="2"/>', _redirect(afterwards))


def dial(to: str, ours: str, afterwards: str) -> str:
    """Connect the person with another number; `afterwards` is told how that went."""
    return _response(
        f'<Dial action={quoteattr(afterwards)} method="POST" callerId={quoteattr(ours)}>'
        f"<Number>{escape(to)}</Number></Dial>"
    )


APOLOGY = _response(f"<Say>{_SORRY}</Say>", "<Hangup/>")
HANG_UP = _response("<Hangup/>")
REJECT = _response("<Reject/>")
"""Only as the first answer about an inbound call: it is not picked up and costs nothing."""
