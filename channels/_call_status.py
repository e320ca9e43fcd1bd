"""What the carrier tells about a call: its status, who answered, how a transfer went.

https://www.twilio.com/docs/voice/api/call-resource#statuscallback, https://www.twilio.com/docs/voice/answering-machine-detection
and https://www.twilio.com/docs/voice/twiml/dial#action
"""

from collections.abc import Mapping

from channels._twilio import checked_sid
from channels._twilio_errors import SIP_WORDS, words
from hub.channel import Inbound, Refused

STATUS = {
    "queued": "queued", "initiated": "queued", "ringing": "ringing", "in-progress": "in_progress",
    "answered": "in_progress", "completed": "completed", "busy": "busy", "no-answer": "no_answer",
    "failed": "failed", "canceled": "canceled",
}  # fmt: skip
_TALKING = ("in-progress", "answered")
_UNANSWERED = ("busy", "no_answer", "failed", "canceled")
_TRANSFER = {
    "completed": "transfer_completed", "answered": "transfer_completed", "busy": "transfer_busy",
    "no-answer": "transfer_no_answer", "failed": "transfer_failed", "canceled": "transfer_declined",
}  # fmt: skip
_DECLINED = ("603", "607")
MACHINES = ("machine_start", "machine_end_beep", "machine_end_silence", "machine_end_other", "fax")
PEOPLE = ("human", "unknown")


def report(query: Mapping[str, str], form: Mapping[str, str]) -> Inbound:
    """A status callback, or the answering machine detection's word. Raises `Refused` and `KeyError`."""
    if form.get("AnsweredBy") and "SequenceNumber" not in form and form.get("CallStatus", "in-progress") in _TALKING:
        return _answered(query, form)
    sid, given = checked_sid(form, "CallSid"), form["CallStatus"]
    if given not in STATUS:
        raise Refused(f"The call status {given!r} is not known.", 400)
    status, sequence = STATUS[given], form.get("SequenceNumber", "")
    code, meaning = _cause(form, status)
    name = sequence if sequence.isascii() and sequence.isdigit() and len(sequence) < 10 else given
    return _told(query, form, f"{sid}:{name}", status, code, meaning)


def _answered(query: Mapping[str, str], form: Mapping[str, str]) -> Inbound:
    """Who has answered. After `machine_end_*` a message may be left, after `machine_start` not yet."""
    by = form["AnsweredBy"]
    if by not in MACHINES + PEOPLE:
        raise Refused(f"It is not known who {by!r} is that answered.", 400)
    status = "voicemail" if by in MACHINES else "in_progress"
    return _told(query, form, f"{checked_sid(form, 'CallSid')}:answered_by", status, by, "")


def transferred(query: Mapping[str, str], form: Mapping[str, str]) -> Inbound:
    """How a transfer ended: `code` is transfer_completed, _declined, _busy, _no_answer or _failed."""
    sid, given = checked_sid(form, "CallSid"), form["DialCallStatus"]
    if given not in _TRANSFER:
        raise Refused(f"The transfer's status {given!r} is not known.", 400)
    cause = form.get("DialSipResponseCode") or form.get("SipResponseCode", "")
    code = "transfer_declined" if cause in _DECLINED else _TRANSFER[given]
    meaning = "" if code == "transfer_completed" else words(form.get("ErrorCode", "")) or SIP_WORDS.get(cause, "")
    return _told(query, form, f"{sid}:transfer:{form.get('DialCallSid') or given}", "", code, meaning)


def _cause(form: Mapping[str, str], status: str) -> tuple[str, str]:
    """The code and its meaning of a call that was not answered."""
    if error := form.get("ErrorCode", ""):
        return error, words(error)
    cause = form.get("SipResponseCode", "") if status in _UNANSWERED else ""
    if not cause or cause.startswith(("1", "2", "3")):
        return "", ""
    return cause, SIP_WORDS.get(cause, f"The carrier ended the call with code {cause}.")


def _told(
    query: Mapping[str, str], form: Mapping[str, str], external_id: str, status: str, code: str, meaning: str
) -> Inbound:
    sid = form["CallSid"]
    return Inbound(
        channel="call", kind="status", external_id=external_id, about=query.get("interaction") or sid, also=(sid,),
        status=status, code=code, words=meaning, data=form,
    )  # fmt: skip
