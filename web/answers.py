"""The page at a signed link where somebody answers one question, once: nobody has to sign in."""

from typing import Any
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer
from litestar import Request, get, post
from litestar.response import Template

from hub.core import hop
from hub.core.hub import Hub
from hub.models import Question
from hub.store import agents
from web.pages.form import read
from web.pages.page import page

_UNKNOWN = "There is no such question. Check that you have the whole link."


class QuestionLinks:
    """Signed links to questions. `public_url` is where the outside reaches us."""

    def __init__(self, secret: str, public_url: str) -> None:
        self._signer = URLSafeSerializer(secret, salt="question")
        self._public_url = public_url

    def to(self, question_id: UUID) -> str:
        return f"{self._public_url}/a/{self._signer.dumps(question_id.hex)}"

    def of(self, token: str) -> UUID:
        """The question of a link. Raises `BadSignature`."""
        return UUID(self._signer.loads(token))


def _asked(request: Request[Any, Any, Any], token: str) -> UUID:
    links: QuestionLinks = request.app.state.questions
    try:
        return links.of(token)
    except (BadSignature, ValueError):
        raise hop.Over(_UNKNOWN) from None


@get("/a/{token:str}", opt={"public": True})
async def question(request: Request[Any, Any, Any], token: str) -> Template:
    """The question, if it still waits for its answer."""
    hub: Hub = request.app.state.hub
    try:
        wanted = _asked(request, token)
        async with hub.context.store.write() as db:
            asked = await hop.open_question(db, hub.context, wanted)
            workspace = await agents.workspace(db, asked.workspace_id)
    except hop.Over as over:
        return page(request, "answer/over.html", status=410, words=str(over))
    return _form(request, token, asked, workspace.name if workspace else "")


@post("/a/{token:str}", opt={"public": True}, status_code=200)
async def answer(request: Request[Any, Any, Any], token: str) -> Template:
    """What they wrote."""
    form = await read(request)
    text = form.text("answer")[: hop.MOST_ANSWER_CHARACTERS]
    hub: Hub = request.app.state.hub
    try:
        wanted = _asked(request, token)
        if not text:
            async with hub.context.store.write() as db:
                asked = await hop.open_question(db, hub.context, wanted)
                workspace = await agents.workspace(db, asked.workspace_id)
            return _form(request, token, asked, workspace.name if workspace else "", "Write your answer first.")
        interaction_id, owed = await hop.answer(hub.context, wanted, text)
    except hop.Over as over:
        return page(request, "answer/over.html", status=410, words=str(over))
    if owed:
        hub.answer_soon(interaction_id)
    return page(request, "answer/sent.html")


def _form(request: Request[Any, Any, Any], token: str, asked: Question, who: str, problem: str = "") -> Template:
    return page(
        request, "answer/form.html", status=422 if problem else 200,
        token=token, question=asked.text, who=who, problem=problem, most=hop.MOST_ANSWER_CHARACTERS,
    )  # fmt: skip


HANDLERS = [question, answer]
