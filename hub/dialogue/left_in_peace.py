"""Who wants no more calls or messages is heard at once, whatever the agent thinks with."""

from hub.dialogue.exchange import Exchange
from hub.dialogue.refusals import refuses
from hub.dialogue.turn import Finish, HandToHuman, Toolbox, UsedTool
from hub.dialogue.walking import ask_pending

REFUSED = {
    "calls": "Understood: we won't call you again. I have written that down. Goodbye.",
    "texts": "Understood: we won't write to you here again. I have written that down. Goodbye.",
    "everything": "Understood: we won't contact you again. I have written that down. Goodbye.",
    "recording": "All right, I have stopped the recording, and your calls are not recorded from now on.",
}


async def left_in_peace(talk: Exchange, tools: Toolbox) -> bool:
    """Whether they refuse: it is written down, and nothing is asked any further."""
    what = refuses(talk.low)
    if what is None:
        return False
    arguments = {"what": what, "words": talk.raw[:500]}
    result = await tools.call("record_refusal", arguments)
    talk.flush()
    talk.pieces.append(UsedTool("record_refusal", arguments, result))
    talk.say("I could not note that. A colleague will see to it." if result.error else REFUSED[what])
    talk.flush()
    if result.error:
        talk.pieces.append(HandToHuman(f"The customer refuses {what}, and it could not be noted: {result.error}"))
    elif what == "recording":
        ask_pending(talk, again=False)
        return True
    else:
        talk.pieces.append(Finish("goodbye"))
    talk.over = True
    return True
