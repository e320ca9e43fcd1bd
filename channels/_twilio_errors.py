"""Twilio's error codes in plain words, and what a failed request means for the message.

Codes: https://www.twilio.com/docs/api/errors
"""

from collections.abc import Mapping
from datetime import timedelta

from hub.channel import Undeliverable

WORDS = {
    "13223": "The number to connect to is not written like +15551234567.",
    "13224": "This number is invalid, or no carrier reaches it.",
    "13225": "Twilio does not call this number.",
    "13227": "Calling this country is not switched on in the Twilio account.",
    "20003": "Twilio refused our account or token. Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN.",
    "20429": "Twilio is limiting how fast we send; it will be tried again.",
    "21210": "Our number is neither Twilio's nor verified as a caller id.",
    "21211": "This is not a phone number that can receive messages.",
    "21212": "Our number is not one that can call.",
    "21215": "Calling this country or number is not switched on in the Twilio account.",
    "21216": "The Twilio account may not call this number.",
    "21217": "This is not a phone number that can be called.",
    "21219": "A trial account calls verified numbers only.",
    "21220": "The call is over already.",
    "21265": "This number cannot receive messages.",
    "21408": "Sending to this country is not switched on in the Twilio account.",
    "21606": "Our number cannot send to this person.",
    "21610": "The customer has opted out (replied STOP).",
    "21612": "There is no route from our number to this person.",
    "21614": "This is not a mobile number.",
    "21617": "The text is longer than 1600 characters.",
    "21620": "The attachment's address could not be used.",
    "21654": "Values were given without a template.",
    "21655": "This template does not exist in our Twilio account any more.",
    "21656": "The template's values cannot be used: each needs one line of text.",
    "30001": "Too many messages were waiting at the carrier; it was dropped.",
    "30002": "The Twilio account is suspended.",
    "30003": "The phone is switched off or out of reach.",
    "30004": "The carrier blocked the message.",
    "30005": "The number does not exist or is no longer in use.",
    "30006": "This is a landline or a number that cannot receive texts.",
    "30007": "The carrier filtered the message as spam.",
    "30008": "The carrier did not say why it failed.",
    "30034": "Our number is not registered for this kind of traffic (A2P 10DLC).",
    "30410": "The carrier did not answer in time.",
    "30453": "The message was not delivered for safety reasons.",
    "31920": "Our media socket refused the carrier.",
    "31921": "Our media socket closed.",
    "31924": "The carrier did not understand what our media socket sent.",
    "32009": "The SIP phone is not registered.",
    "32011": "The SIP system could not be reached.",
    "63001": "WhatsApp did not accept our account. Check the sender in the Twilio console.",
    "63002": "WhatsApp does not know our sender.",
    "63003": "This number is not on WhatsApp.",
    "63004": "WhatsApp cannot carry this kind of message.",
    "63005": "WhatsApp did not accept the content of the message.",
    "63006": "The message could not be put into a form that WhatsApp takes.",
    "63007": "Our number is not a WhatsApp sender of this Twilio account.",
    "63008": "Our WhatsApp sender is not set up right. Look at it in the Twilio console.",
    "63009": "WhatsApp answered with an error.",
    "63010": "Twilio had a fault of its own with WhatsApp.",
    "63011": "WhatsApp could not be asked what this number can receive.",
    "63012": "WhatsApp had a fault of its own.",
    "63013": "WhatsApp stopped the message: it breaks a policy of theirs.",
    "63014": "The person has blocked us, or an action of theirs blocks the message.",
    "63015": "Twilio's WhatsApp sandbox reaches only numbers that have joined it.",
    "63016": "More than 24 hours have passed since the customer last wrote: send an approved template.",
    "63017": "WhatsApp is limiting how much we send.",
    "63018": "WhatsApp is limiting how much we send from this number.",
    "63019": "WhatsApp could not download the attachment.",
    "63020": "WhatsApp's business account has not accepted Twilio, or its payments are not in order.",
    "63021": "WhatsApp does not take this content: the attachment's type, or a text that is too long.",
    "63022": "The display name of our WhatsApp sender is not valid.",
    "63023": "WhatsApp did not say why it failed.",
    "63024": "This number cannot receive WhatsApp messages.",
    "63025": "WhatsApp has this attachment already.",
    "63026": "WhatsApp knows nothing of this message.",
    "63027": "The template does not exist in this language.",
    "63028": "The template was given another number of values than it has places for.",
    "63029": "The person's phone could not load the template.",
    "63030": "This kind of message does not take one of the values given.",
    "63031": "A message cannot be sent to its own sender.",
    "63032": "WhatsApp does not deliver this message to this person: a limit of theirs.",
    "63033": "The person has blocked us.",
    "63034": "WhatsApp does not know the attachment any more.",
    "63035": "WhatsApp does not allow this for our sender yet.",
    "63036": "This number cannot be reached on WhatsApp just now.",
    "63038": "The Twilio account has reached its number of messages for today.",
    "63040": "WhatsApp has rejected the template.",
    "63041": "WhatsApp has paused the template because of its quality. Use another one.",
    "63042": "WhatsApp has disabled the template because of its quality. Use another one.",
    "63049": "WhatsApp chose not to deliver this marketing message to this person.",
    "63051": "WhatsApp has locked our business account.",
}
SIP_WORDS = {
    "403": "The carrier refused the call.",
    "404": "The number does not exist or is no longer in use.",
    "408": "Nobody answered.",
    "410": "The number is no longer in use.",
    "480": "The phone is switched off or out of reach.",
    "484": "The number is incomplete.",
    "486": "The line is busy.",
    "487": "The call was ended before it was answered.",
    "500": "The carrier had a fault.",
    "503": "The carrier cannot take the call just now.",
    "600": "The line is busy.",
    "603": "The call was declined.",
    "604": "The number does not exist.",
    "607": "The person has blocked our calls.",
    "608": "A filter on the way blocked our call.",
}
"""How a call ended before it was answered: https://www.rfc-editor.org/rfc/rfc3261#section-21, 8197 and 8688"""


def words(code: str) -> str:
    """What an error code means, for people."""
    return WORDS.get(code, f"The carrier reported error {code}.") if code else ""


class TooFast(Exception):
    """Twilio answered 429. The SDK's own errors do not keep the headers, which say how long to wait."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(WORDS["20429"])
        given = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
        seconds = min(int(given[:6]), 3600) if given.isascii() and given.isdigit() else 0
        self.retry_after = timedelta(seconds=seconds) if seconds else None


def outside_window(code: str) -> bool:
    """Whether it means that free text is not allowed now, but a template is."""
    return code == "63016"


def undeliverable(error: Exception) -> Undeliverable:
    """What a failed request means for the message: retry, never again, or nobody knows."""
    from twilio.base.exceptions import TwilioRestException, TwilioServiceException

    if isinstance(error, TooFast):
        return Undeliverable(WORDS["20429"], retry=True, code="20429", retry_after=error.retry_after)
    if isinstance(error, TwilioRestException | TwilioServiceException):
        code = str(error.code or "")
        if error.status < 500:
            return Undeliverable(
                words(code) or str(error), code=code, opted_out=code == "21610", outside_window=outside_window(code)
            )
        return Undeliverable(
            f"Twilio answered {error.status}; it may have taken the message.", ambiguous=True, code=code
        )
    if _never_connected(error):
        return Undeliverable("Twilio cannot be reached.", retry=True, code="unreachable")
    return Undeliverable("Twilio did not answer; it may have taken the message.", ambiguous=True)


def unread(error: Exception) -> Undeliverable:
    """What a failed request means that only wanted to read something: it may be made again at any time."""
    found = undeliverable(error)
    spoken = not found.ambiguous and found.words
    return Undeliverable(spoken or "Twilio does not answer.", retry=found.retry or found.ambiguous, code=found.code)


def _never_connected(error: BaseException) -> bool:
    import aiohttp

    return isinstance(error, aiohttp.ClientConnectorError)
