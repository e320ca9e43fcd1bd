"""Which exchange a mail goes on with: the signed reply address, then what it names, never its subject."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from uuid import UUID

import pytest

from channels._email_tokens import Tokens
from channels.email import Email
from fixtures.email.corpus import FORM, form
from hub.channel import Outbound
from hub.feed import Bus
from hub.models import Address, Interaction, User
from hub.store import Store, agents, interactions
from tests.fakes import FakeChannel, FakeClock
from tests.mail_world import mime
from tests.world import Core, core, furnish

pytestmark = pytest.mark.anyio
SECRET = "the key of the tests"
SETTINGS = {"HUB_SECRET_KEY": SECRET, "HUB_PUBLIC_URL": "https://hub.example"}
OURS, THEIRS = "help@clinic.example", "help@other.example"
ANA, BEN, EVE = "ana@people.example", "ben@people.example", "eve@evil.example"


class Letters(FakeChannel):
    """Mail by which nothing leaves, known by message ids as our mail is."""

    identity = "email"
    limits = replace(Email.limits, receipts=False)

    async def send(self, outbound: Outbound) -> str:
        await super().send(outbound)
        return f"{outbound.id}@clinic.example"


class Exchanges:
    """Two workspaces that get mail. Each case is written by people of its own, so that none knows of another."""

    def __init__(self, hub: Core, ours: Address, theirs: Address) -> None:
        self.hub, self.ours, self.theirs = hub, ours, theirs
        self.email, self.tokens = Email(SETTINGS), Tokens(SECRET)
        self._ids = iter(range(1, 10**6))

    async def comes(
        self, sender: str, *, at: Address | None = None, to: str = "", dkim: str = "", **headers: str
    ) -> UUID:
        """A mail; the interaction that it went into."""
        headers.setdefault("Message_ID", f"<n{next(self._ids)}@people.example>")
        raw = mime(From=sender, To=to or OURS, body=headers.pop("body", f"Hello {next(self._ids)}"), **headers)
        domain = sender.rpartition("@")[2].rstrip(">")
        body = form(("email", raw), ("dkim", (dkim or f"{{@{domain} : pass}}").encode()),
                    ("envelope", f'{{"to": ["{to or OURS}"], "from": "{sender}"}}'.encode()))  # fmt: skip
        inbound = self.email._inbound(await self.email._reader.read(FORM, body))
        receipt = await self.hub.hub.receive(inbound, at=at or self.ours)
        await self.hub.settled()
        assert receipt.interaction_id is not None
        return receipt.interaction_id

    async def answered(self, interaction_id: UUID) -> str:
        """The message id of our newest answer in it."""
        async with self.hub.context.store.read() as db:
            found = await db.get(Interaction, interaction_id)
            assert found is not None
            said = await interactions.messages(db, found.workspace_id, interaction_id)
        return next(message.external_id for message in reversed(said) if message.role == "agent")

    async def ends(self, interaction_id: UUID) -> None:
        async with self.hub.context.store.read() as db:
            found = await db.get(Interaction, interaction_id)
            assert found is not None
        await self.hub.hub.end(found.workspace_id, interaction_id)

    async def find(self, interaction_id: UUID) -> Interaction:
        async with self.hub.context.store.read() as db:
            found = await db.get(Interaction, interaction_id)
            assert found is not None
            return found


@pytest.fixture
async def made(sqlite_url: str, clock: FakeClock, anyio_backend: str) -> AsyncIterator[Exchanges]:
    store = Store(sqlite_url, Bus())
    async with core(store, clock) as hub:
        hub.channels["email"] = Letters("email")
        homes = [await furnish(store, number=OURS, channels=("email",)),
                 await furnish(store, number=THEIRS, name="Other", channels=("email",))]  # fmt: skip
        async with store.read() as db:
            ours, theirs = [(await agents.addresses(db, home.workspace_id, "email"))[0] for home in homes]
        yield Exchanges(hub, ours, theirs)
    await store.close()


@dataclass(frozen=True)
class Case:
    """A second mail after Ana's first (`root`) and our answer to it; whether it goes on with it."""

    name: str
    headers: dict[str, str]
    same: bool
    sender: str = ANA
    to: str = ""
    at: str = "ours"
    dkim: str = ""
    ended: bool = False


def case(name: str, same: bool, sender: str = ANA, to: str = "", at: str = "ours", dkim: str = "", ended: bool = False,
         **headers: str) -> Case:  # fmt: skip
    return Case(name, headers, same, sender, to, at, dkim, ended)


R, A = "<{root}>", "<{answer}>"
"""The first mail, and our answer."""
CASES = [
    # by what it names
    case("names our answer", True, In_Reply_To=A),
    case("names their own mail", True, In_Reply_To=R),
    case("references our answer", True, References=A),
    case("references both", True, References=f"{R} {A}"),
    case("references the answer among strangers", True, References=f"<x@y> {A} <z@y>"),
    case("a strange parent, and our answer in the references", True, In_Reply_To="<x@y>", References=A),
    case("names our answer without brackets", True, In_Reply_To="{answer}"),
    case("names it among words", True, In_Reply_To=f"Your mail {A} of Monday"),
    case("names it folded", True, References=f"<x@y>\r\n {A}"),
    case("names it with spaces within the brackets", True, In_Reply_To="< {answer} >"),
    case("names it twice", True, In_Reply_To=f"{A} {A}"),
    case("references a hundred others first", True, References=" ".join(f"<{n}@y>" for n in range(99)) + f" {A}"),
    case("names it with another subject", True, In_Reply_To=A, Subject="Something else"),
    case("names it without a subject", True, In_Reply_To=A, Subject=""),
    case("is written in capitals", True, In_Reply_To=A, sender="ANA@people.example"),
    case("has another display name", True, In_Reply_To=A, sender=f"Somebody <{ANA}>"),
    case("names it after the exchange ended", False, In_Reply_To=A, ended=True),
    case("is not signed by anybody", True, In_Reply_To=A, dkim="none"),
    # by the signed reply address
    case("comes to the reply address", True, to="{reply}"),
    case("comes to the reply address in capitals", True, to="{REPLY}"),
    case("comes to the reply address under another subject", True, to="{reply}", Subject="New"),
    case("the reply address goes before what it names", True, to="{reply}", In_Reply_To="<x@y>"),
    case("a colleague answers to the reply address", True, to="{reply}", sender=BEN),
    case("another address of the person answers to the reply address", True, to="{reply}", sender="ana@home.example"),
    # nothing to go by
    case("a new mail", False),
    case("the same subject", False, Subject="Hello"),
    case("the same subject as an answer", False, Subject="Re: Hello"),
    case("names a stranger", False, In_Reply_To="<x@y>"),
    case("names nothing", False, In_Reply_To=""),
    case("names empty brackets", False, In_Reply_To="<>"),
    case("names half of it", False, In_Reply_To="<{half}>"),
    case("names it in other words", False, In_Reply_To="<x{answer}>"),
    case("says it in the text alone", False, body="{answer}"),
    case("says it in the subject alone", False, Subject="{answer}"),
    case("names it in a header of no meaning", False, X_Reply_To=A),
    # forged
    case("a stranger names our answer", False, sender=EVE, In_Reply_To=A),
    case("a stranger names the first mail", False, sender=EVE, In_Reply_To=R, References=f"{R} {A}"),
    case("a stranger names everything, in the customer's name", False, sender=f"{ANA} <{EVE}>", In_Reply_To=A),
    case("a neighbour in the domain names it", False, sender="eve@people.example", In_Reply_To=A),
    case("a longer domain names it", False, sender=f"{ANA}.evil.example", In_Reply_To=A),
    case("a forged reply address", False, sender=EVE, to="reply+" + "a" * 42 + "@clinic.example"),
    case("a reply address with one letter changed", False, sender=EVE, to="{flipped}"),
    case("a reply address of nothing", False, sender=EVE, to="reply+@clinic.example"),
    case("a token of another purpose", False, sender=EVE, to="{unsubscribe}"),
    case("a forged reply address hides nothing", True, to=f"reply+{'b' * 42}@clinic.example", In_Reply_To=A),
    # another workspace
    case("the person names it to another workspace", False, at="theirs", to=THEIRS, In_Reply_To=A),
    case("the reply address is of another workspace", False, at="theirs", to="{reply}"),
    case("a stranger names it to another workspace", False, at="theirs", sender=EVE, to=THEIRS, In_Reply_To=A),
    case("to us, by the way of another workspace", False, at="theirs", to=OURS, In_Reply_To=A),
]  # fmt: skip


def filled(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        text = text.replace("{" + name + "}", value)
    return text


def test_there_are_enough_cases_and_each_has_a_name() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)


async def test_every_case_of_a_second_mail(made: Exchanges) -> None:
    wrong = []
    for number, one in enumerate(CASES):
        ours: Callable[[str], str] = lambda text, n=number: text.replace("@people.example", f"@p{n}.example")  # noqa: E731
        root = f"root{number}@people.example"
        first = await made.comes(ours(ANA), Message_ID=f"<{root}>", Subject="Hello")
        token, answer = made.tokens.of("reply", first), await made.answered(first)
        known = {
            "root": root, "answer": answer, "half": answer[:20] + "@clinic.example",
            "reply": f"reply+{token}@clinic.example", "REPLY": f"reply+{token.upper()}@clinic.example",
            "flipped": f"reply+{token[:-1]}{'a' if token[-1] != 'a' else 'b'}@clinic.example",
            "unsubscribe": f"reply+{made.tokens.of('unsubscribe', first)}@clinic.example",
        }  # fmt: skip
        if one.ended:
            await made.ends(first)
        headers = {name: filled(value, known) for name, value in one.headers.items()}
        at = made.ours if one.at == "ours" else made.theirs
        second = await made.comes(ours(one.sender), at=at, to=filled(one.to, known), dkim=one.dkim, **headers)
        if (second == first) != one.same:
            wrong.append(one.name)
        before, after = await made.find(first), await made.find(second)
        assert after.workspace_id == at.workspace_id, one.name
        if one.at == "ours" and one.sender != EVE and one.same:
            assert after.person == before.person, one.name
    assert not wrong


async def test_an_answer_to_an_exchange_that_ended_opens_a_new_one_of_the_same_thread(made: Exchanges) -> None:
    first = await made.comes(ANA)
    answer = await made.answered(first)
    await made.ends(first)
    second = await made.comes(ANA, In_Reply_To=f"<{answer}>")
    third = await made.comes(ANA, In_Reply_To=f"<{answer}>")
    before, after = await made.find(first), await made.find(second)
    assert (second != first, third) == (True, second)
    assert (before.thread, before.customer_id) == (after.thread, after.customer_id)


async def test_who_got_a_copy_from_us_may_go_on_and_the_answer_still_goes_to_the_customer(made: Exchanges) -> None:
    first = await made.comes(ANA)
    found = await made.find(first)
    operator = await made_operator(made)
    await made.hub.hub.take_over(found.workspace_id, first, operator)
    content = {"subject": "Both of you", "mail": {"cc": [BEN]}}
    await made.hub.hub.say(found.workspace_id, first, "See below", operator=operator, content=content)
    await made.hub.settled()
    ours = made.hub.channels["email"].sent[-1]
    assert ours.content["mail"]["cc"] == [BEN]
    newest = f"{ours.id}@clinic.example"
    assert await made.comes(BEN, In_Reply_To=f"<{newest}>") == first
    assert await made.comes(EVE, In_Reply_To=f"<{newest}>") != first
    assert (await made.find(first)).person == ANA


async def test_copies_named_in_a_mail_that_nobody_signed_open_no_door(made: Exchanges) -> None:
    """Else one forged mail of the customer's, with a copy to the forger, would let the forger in."""
    first = await made.comes(ANA)
    answer = await made.answered(first)
    assert await made.comes(ANA, In_Reply_To=f"<{answer}>", Cc=EVE, dkim="none") == first
    assert await made.comes(EVE, In_Reply_To=f"<{answer}>") != first
    assert await made.comes(ANA, In_Reply_To=f"<{answer}>", Cc=BEN) == first
    assert await made.comes(BEN, In_Reply_To=f"<{answer}>") == first


async def test_the_same_mail_twice_is_one_and_nobody_can_take_its_place_beforehand(made: Exchanges) -> None:
    forged = await made.comes(EVE, Message_ID="<known@people.example>")
    true = await made.comes(ANA, Message_ID="<known@people.example>")
    again = await made.comes(ANA, Message_ID="<known@people.example>")
    elsewhere = await made.comes(ANA, at=made.theirs, to=THEIRS, Message_ID="<known@people.example>")
    assert len({forged, true, elsewhere}) == 3
    assert again == true
    assert len(await made.hub.records.said(ANA)) == 4  # two mails, each answered


async def made_operator(made: Exchanges) -> User:
    return (await made.hub.records.all(User, User.workspace_id == made.ours.workspace_id))[0]
