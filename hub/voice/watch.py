"""Looking after a call on the clock: dead air, doubtful interruptions, quiet, and the longest time it may take."""

import itertools
import logging
from typing import TYPE_CHECKING

from hub.models.voice import Call
from hub.voice.moments import next_moment

if TYPE_CHECKING:
    from hub.voice.converse import Conversation

log = logging.getLogger("hub.voice")

TICK_SECONDS = 0.1
NEXT_FILLER_SECONDS = 3.0
FALLBACK_SECONDS = 4.0
APOLOGY_SECONDS = 7.0
HOPELESS_SECONDS = 20.0
"""How much longer an answer may take that has begun, such as one that waits for a tool."""
NOISE_SECONDS = 4.0
"""Who makes sound for so long without a word is a noise, such as a fan or traffic."""
QUIET_AGAIN_SECONDS = 2.0
"""After a noise it must be quiet for so long until sound alone interrupts again."""
BACKCHANNEL_AFTER_SECONDS, BACKCHANNEL_EVERY_SECONDS = 3.5, 4.0
BREATH_MS = (200, 500)
"""A pause of this length in a long turn is one for a sign that we listen."""


class Watch:
    """Looks at what was really sent, ten times a second."""

    def __init__(self, call: "Conversation") -> None:
        self._call = call
        self._turn_over_at = 0.0
        self._filled = self._fell_back = self._apologised = False
        self._held_at = self._doubt_at = self._noise_at = 0.0
        self._wrapped_up = self._time_up = False
        self._digits = ""
        self._first_digit_at = self._digit_at = 0.0
        self._sign_at = 0.0
        self.use(call.settings)

    def use(self, settings: Call) -> None:
        """The words of this agent from now on."""
        self._fillers = itertools.cycle(settings.filler_messages) if settings.filler_messages else None
        words = settings.backchannel_words if settings.backchannel_enabled else []
        self._signs = itertools.cycle(words) if words else None
        self._sign_at = 0.0
        self._checks, self._checked_at = 0, 0.0
        self._idle = itertools.cycle(settings.idle_messages) if settings.idle_messages else None
        self._again = itertools.cycle(settings.repeat_messages) if settings.repeat_messages else None

    async def run(self) -> None:
        """All calls are looked at in the same moments."""
        while not self._call.over:
            await next_moment(TICK_SECONDS)
            try:
                self._look()
            except Exception:  # whatever it is, the call must not be left to itself
                log.exception("a look after a call failed")

    def _look(self) -> None:
        self._call.record()
        self._dead_air()
        self._doubtful()
        self._noise()
        self._quiet()
        self._listens()
        self._longest()
        self._typed()
        self._call.show()

    # what the loop tells

    def turn_over(self) -> None:
        """The agent owes an answer from now on."""
        self._turn_over_at = self._call.now
        self._filled = self._fell_back = self._apologised = False

    def doubt(self) -> None:
        """The agent was stopped and no words came yet."""
        self._held_at = self._doubt_at = self._call.now

    def digit(self, digit: str) -> None:
        self._digit_at = self._call.now
        if not self._digits:
            self._first_digit_at = self._digit_at
        self._digits += digit

    def ask_again(self) -> None:
        """Something was said that nobody understood."""
        if self._again is not None:
            self._call.speaking.say(next(self._again))

    def apologise(self) -> None:
        """There is no answer: say so and what happens next."""
        call = self._call
        if self._apologised:
            return
        self._apologised = True
        call.journal.happened("call.apologised")
        call.give_up()
        call.speaking.say(call.settings.apology_message, filler=True, ended=lambda said, heard: call.way_out())

    # what the clock tells

    def _dead_air(self) -> None:
        call = self._call
        reply, speaking = call.reply, call.speaking
        if speaking.voiceless and not call.over:
            call.journal.happened("call.voiceless")
            call.end("error")
            return
        if reply is None or reply.waits or not reply.sure.is_set():
            return
        if reply.behind is not None and not reply.behind.over.is_set():
            self.turn_over()
            return
        waited = call.now - self._turn_over_at
        answered_at = max(self._turn_over_at, speaking.quiet_since)
        if not reply.kept and waited >= FALLBACK_SECONDS and not self._fell_back:
            self._fell_back = True
            call.answers.think_again()
        if speaking.sounding or (speaking.current is not None and speaking.current.waiting):
            return
        more = max(reply.thought.patience - APOLOGY_SECONDS, HOPELESS_SECONDS if reply.kept else 0.0)
        hopeless = waited - more
        if hopeless >= APOLOGY_SECONDS:
            self.apologise()
        elif call.now - answered_at >= (
            call.settings.filler_after_seconds if not self._filled else NEXT_FILLER_SECONDS
        ):
            self._filled = True
            if self._fillers is not None:
                speaking.say(next(self._fillers), filler=True, first=True)

    def _doubtful(self) -> None:
        call = self._call
        if not call.speaking.held:
            return
        if call.hearing.speaking:
            self._doubt_at = call.now
            if call.now - self._held_at >= NOISE_SECONDS:
                self._was_noise()
        elif call.now - self._doubt_at >= call.settings.turn_taking.resume_after_seconds:
            call.hearing.forget()
            self._goes_on()

    def _noise(self) -> None:
        """A noise keeps nobody waiting for the answer either; when it has been quiet, sound counts as speech again."""
        call = self._call
        if call.hearing.speaking:
            self._noise_at = call.now
        if not call.noisy and call.hearing.wordless_seconds >= NOISE_SECONDS:
            self._was_noise()
        elif call.noisy and call.now - self._noise_at >= QUIET_AGAIN_SECONDS:
            call.noisy = False

    def _was_noise(self) -> None:
        self._call.noisy = True
        self._goes_on()

    def _goes_on(self) -> None:
        """What seemed to be speech was none: say on what was being said, answer what was asked before."""
        call = self._call
        call.answers.drop_eager()
        if call.speaking.held:
            call.journal.happened("call.resumed")
            call.speaking.resume()
        call.answers.again()

    def _quiet(self) -> None:
        call = self._call
        speaks = call.hearing.under_way and not call.noisy
        if call.silent or call.to_open or call.reply is not None or call.speaking.busy or speaks:
            return
        quiet = call.now - max(call.last_customer_at, call.speaking.quiet_since)
        longest = call.settings.silence_hangup_seconds
        if call.now - call.last_customer_at >= longest and quiet >= min(call.settings.idle_seconds, longest):
            call.end("silence")  # never right after we have spoken for long
        elif quiet >= call.settings.idle_seconds:
            self._ask_who_is_there()

    def _ask_who_is_there(self) -> None:
        call = self._call
        if call.last_customer_at > self._checked_at:
            self._checks = 0
        if self._checks >= call.settings.idle_checks:
            return
        self._checks += 1
        self._checked_at = call.now
        if self._idle is not None:
            call.say(next(self._idle))
        else:
            call.answers.ask("silence")

    def _listens(self) -> None:
        """Who tells something long hears now and then that we listen."""
        call = self._call
        if self._signs is None or call.silent or call.speaking.busy or call.reply is not None:
            return
        long = call.hearing.under_way and call.now - call.hearing.began_at >= BACKCHANNEL_AFTER_SECONDS
        breath = BREATH_MS[0] <= call.hearing.activity.quiet_ms <= BREATH_MS[1]
        if long and breath and call.now - self._sign_at >= BACKCHANNEL_EVERY_SECONDS:
            self._sign_at = call.now
            call.speaking.say(next(self._signs), filler=True, interruptible=False)

    def _longest(self) -> None:
        call, settings = self._call, self._call.settings
        spent = call.now - call.answered_at
        if spent >= settings.max_duration_seconds:
            if not self._time_up:
                self._time_up = True
                call.give_up()
                call.speaking.say(
                    settings.time_up_message, interruptible=False, ended=lambda said, heard: call.end("max_duration")
                )
            elif spent >= settings.max_duration_seconds + 15:
                call.end("max_duration")
            return
        nearly = settings.wrap_up_seconds and spent >= settings.max_duration_seconds - settings.wrap_up_seconds
        if nearly and not (self._wrapped_up or call.speaking.busy or call.reply or call.silent):
            self._wrapped_up = True
            call.speaking.say(settings.wrap_up_message)

    def _typed(self) -> None:
        """Keys are taken as words when no more of them come, at the key that ends them, or when there are enough."""
        call, keypad = self._call, self._call.settings.keypad
        if not self._digits:
            return
        ended = bool(keypad.end_key) and keypad.end_key in self._digits
        enough = len(self._digits) >= keypad.most_keys
        if ended or enough or call.now - self._digit_at >= keypad.timeout_seconds:
            typed, self._digits = self._digits, ""
            digits = typed.partition(keypad.end_key)[0] if ended else typed
            if digits:
                call.typed(digits, self._first_digit_at)
