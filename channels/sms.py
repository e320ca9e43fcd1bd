"""SMS and MMS by Twilio Programmable Messaging."""

from channels._twilio_messages import MOST_MEDIA, TwilioMessages
from hub.channel import Limits


class Sms(TwilioMessages):
    """Text messages to and from phone numbers."""

    name = "sms"
    label = "SMS"
    identity = "phone"
    limits = Limits(
        length=1600, split_over=320, segmented=True, media_count=MOST_MEDIA, receipts=True, keywords=True, fetched=True,
        billed_by="twilio",
    )  # fmt: skip
