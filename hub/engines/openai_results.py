"""Results taken with OpenAI's chat completions, and every server that speaks like them."""

from hub.dialogue.modelled import Modelled
from hub.engines.openai import Completions


def results() -> Modelled:
    """The `Extractor`."""
    return Modelled(Completions())
