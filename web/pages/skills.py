"""Skills: instructions that many agents can share."""

from typing import Any

from litestar import Response, get, post
from litestar.response import Template
from pydantic import ValidationError

from hub.models import Skill
from hub.models.skill import SkillFields
from hub.store import agents
from web import auth
from web.pages.form import Errors, complaints, found, read, uuid_or_404
from web.pages.page import AnyRequest, go
from web.pages.settings import settings_page

_BLANK = {"name": "", "description": "", "instructions": ""}


@get("/settings/skills", opt={"roles": auth.BUILDERS})
async def listing(request: AnyRequest) -> Template:
    """All skills."""
    async with request.app.state.store.read() as db:
        rows = await agents.skills(db, request.user.workspace_id)
    return settings_page(request, "skills", "skills.html", skills=rows)


@get("/settings/skills/{skill_id:str}", opt={"roles": auth.BUILDERS})
async def skill(request: AnyRequest, skill_id: str) -> Template:
    """One skill's form, or the empty one."""
    stored = await _stored(request, skill_id)
    values = {name: getattr(stored, name) for name in _BLANK} if stored else _BLANK
    return settings_page(request, "skills", "skill.html", skill=stored, values=values)


async def _stored(request: AnyRequest, skill_id: str) -> Skill | None:
    if skill_id == "new":
        return None
    async with request.app.state.store.read() as db:
        return found(await agents.skill(db, request.user.workspace_id, uuid_or_404(skill_id)), "skill")


@post("/settings/skills/{skill_id:str}", opt={"roles": auth.BUILDERS}, status_code=200)
async def save(request: AnyRequest, skill_id: str) -> Response[Any] | Template:
    """Make, change or remove a skill."""
    form, stored = await read(request), await _stored(request, skill_id)
    if stored is not None and form.text("do") == "remove":
        async with request.app.state.store.write() as db:
            await db.delete(await db.merge(stored))
        return go(request, "/settings/skills", f"The skill “{stored.name[:80]}” was removed.")
    values = {name: form.text(name) for name in _BLANK}
    errors = _faults(values)
    if errors:
        return settings_page(request, "skills", "skill.html", 422, skill=stored, values=values, errors=errors)
    async with request.app.state.store.write() as db:
        kept = await db.merge(stored) if stored else Skill(workspace_id=request.user.workspace_id, name="")
        kept.name, kept.description = values["name"], values["description"]
        kept.instructions, kept.updated_at = values["instructions"], request.app.state.clock.now()
        db.add(kept)
    return go(request, "/settings/skills", f"The skill “{kept.name[:80]}” was saved.")


def _faults(values: dict[str, str]) -> Errors:
    try:
        SkillFields(**values)
    except ValidationError as error:
        return complaints(error)
    return {}


HANDLERS = [listing, skill, save]
