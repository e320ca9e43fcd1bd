"""Who may open which page, what is not there, and input that no form makes."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.office import ROLES, Office, open_office

pytestmark = pytest.mark.anyio

EVERYONE, BUILDERS, TESTERS, SUPPORT, ADMINS = (
    frozenset(ROLES),
    frozenset({"admin", "builder"}),
    frozenset({"admin", "builder", "support"}),
    frozenset({"admin", "support"}),
    frozenset({"admin"}),
)
READ = {
    "/": EVERYONE, "/agents": EVERYONE, "/agents/new": BUILDERS, "/agents/{agent}": BUILDERS,
    "/agents/{agent}/flow": BUILDERS, "/agents/{agent}/json": BUILDERS, "/agents/{agent}/tools": BUILDERS,
    "/agents/{agent}/tools/new": BUILDERS, "/agents/{agent}/knowledge": BUILDERS,
    "/agents/{agent}/knowledge/{id}": BUILDERS, "/agents/{agent}/playground": TESTERS,
    "/agents/{agent}/playground/{id}/events": TESTERS, "/customers": EVERYONE, "/customers/{id}": EVERYONE,
    "/settings/password": EVERYONE, "/settings/addresses": ADMINS, "/settings/users": ADMINS, "/settings/keys": ADMINS,
    "/settings/skills": BUILDERS, "/settings/skills/new": BUILDERS, "/settings": EVERYONE,
}  # fmt: skip
WRITE = {
    "/agents": BUILDERS, "/agents/{agent}": BUILDERS, "/agents/{agent}/duplicate": BUILDERS,
    "/agents/{agent}/archive": BUILDERS, "/agents/{agent}/flow": BUILDERS, "/agents/{agent}/json": BUILDERS,
    "/agents/{agent}/tools/new": BUILDERS, "/agents/{agent}/tools/free_slots/try": BUILDERS,
    "/agents/{agent}/knowledge": BUILDERS, "/agents/{agent}/knowledge/{id}": BUILDERS,
    "/agents/{agent}/playground": TESTERS, "/agents/{agent}/playground/{id}": TESTERS, "/customers/{id}": SUPPORT,
    "/settings": ADMINS, "/settings/password": EVERYONE, "/settings/addresses": ADMINS,
    "/settings/addresses/{id}": ADMINS, "/settings/users": ADMINS, "/settings/users/{id}/role": ADMINS,
    "/settings/users/{id}/disable": ADMINS, "/settings/users/{id}/password": ADMINS, "/settings/keys": ADMINS,
    "/settings/keys/{id}/revoke": ADMINS, "/settings/skills/new": BUILDERS, "/settings/skills/{id}": BUILDERS,
}  # fmt: skip


@pytest.fixture
async def office(database_url: str, tmp_path: Path, anyio_backend: str) -> AsyncIterator[Office]:
    async with open_office(database_url, tmp_path) as made:
        yield made


@pytest.mark.parametrize("role", ["", *ROLES])
async def test_each_role_opens_its_own_doors_only(office: Office, role: str) -> None:
    person = await office.person(role)
    before = (await office.stored()).revision
    for method, doors in (("get", READ), ("post", WRITE)):
        for template, roles in doors.items():
            path = template.format(agent=office.agent, id=uuid4())
            answer = await (person.get(path) if method == "get" else person.post(path))
            if role in roles:
                assert answer.status_code in (200, 303, 404, 409, 422), (method, path, answer.status_code)
            elif role:
                assert answer.status_code == 403, (method, path, answer.status_code)
            else:
                assert answer.status_code in (303, 401), (method, path, answer.status_code)
                assert answer.status_code == 401 or answer.headers["location"].startswith("/signin")
    if role not in BUILDERS:
        assert (await office.stored()).revision == before


async def test_every_route_of_these_pages_is_in_the_matrix(office: Office) -> None:
    ours = ("/agents", "/customers", "/settings")
    known = {f"GET {path.split('{')[0]}" for path in READ} | {f"POST {path.split('{')[0]}" for path in WRITE}
    for route in office.app.routes:
        if route.path.startswith(ours):
            for method in getattr(route, "methods", set()) - {"OPTIONS", "HEAD"}:
                assert any(f"{method} {route.path}".startswith(door) for door in known), f"{method} {route.path}"


async def test_nothing_changes_without_the_csrf_token(office: Office) -> None:
    ada = await office.person("admin")
    for template in WRITE:
        path = template.format(agent=office.agent, id=uuid4())
        assert (await ada.client.post(path, data={"name": "x"})).status_code == 403, path


@pytest.mark.parametrize("bad", ["nothing", "0", "%00", "..%2f", "x" * 500, "{}"])
async def test_what_is_not_there_is_a_page_that_says_so(office: Office, bad: str) -> None:
    ada = await office.person("admin")
    for path in (
        f"/agents/{bad}", f"/agents/{bad}/flow", f"/agents/{bad}/playground", f"/agents/{office.agent}/tools/{bad}",
        f"/agents/{office.agent}/knowledge/{bad}", f"/agents/{office.agent}/playground/{bad}/events",
        f"/customers/{bad}", f"/settings/skills/{bad}",
    ):  # fmt: skip
        answer = await ada.get(path)
        assert answer.status_code == 404, path
        assert "text/html" in answer.headers["content-type"]


async def test_agents_of_others_are_not_there(office: Office) -> None:
    ada = await office.person("admin")
    for template in READ:
        if "{agent}" in template:
            path = template.format(agent=office.theirs, id=uuid4())
            answer = await ada.get(path)
            assert answer.status_code == 404, path
            assert "Secret" not in answer.text
    for template in WRITE:
        if "{agent}" in template:
            path = template.format(agent=office.theirs, id=uuid4())
            assert (await ada.post(path, name="Mine", version="1", definition="{}")).status_code == 404, path
    assert "Secret" not in (await ada.get("/agents")).text


ODD: list[tuple[str, bytes]] = [
    ("application/x-www-form-urlencoded", b"name=%00&text=%00&title=%00&email=%00&value=%00"),
    ("application/x-www-form-urlencoded", b"name=%ED%A0%80&text=%FF&definition=%ED%B0%80&do=%ff&title=%ff"),
    ("application/x-www-form-urlencoded", b"&&&=&=x&" + b"a=1&" * 3_000),
    ("application/x-www-form-urlencoded", b"name=" + b"x" * 1_000_000 + b"&text=" + b"y" * 500_000),
    ("application/json", b"{}"),
    ("text/plain", b"\xff\xfe"),
    ("multipart/form-data", b"no boundary"),
    ("multipart/form-data; boundary=b", b"--b\r\nnonsense"),
    (
        "multipart/form-data; boundary=b",
        b'--b\r\ncontent-disposition: form-data; name="name"\r\n\r\n\xff\xfe\r\n--b--\r\n',
    ),
    (
        "multipart/form-data; boundary=b",
        b'--b\r\ncontent-disposition: form-data; name="text"\r\n'
        b"content-type: text/plain; charset=no-such\r\n\r\nx\r\n--b--\r\n",
    ),
    (
        "multipart/form-data; boundary=b",
        b'--b\r\ncontent-disposition: form-data; name="name"; filename="a.txt"\r\n\r\nx\r\n--b--\r\n',
    ),
    ("application/x-www-form-urlencoded", b"version=" + b"9" * 5_000 + b"&idle_minutes=nan&timeout_seconds=inf&name=x"),
    ("application/x-www-form-urlencoded", b"question=x&do=add_stage:" + b"9" * 5_000),
]


@pytest.mark.parametrize(("kind", "body"), ODD, ids=[str(number) for number in range(len(ODD))])
async def test_odd_input_is_refused_in_words_and_never_breaks(office: Office, kind: str, body: bytes) -> None:
    ada = await office.person("admin")
    headers = {"content-type": kind, "x-csrftoken": ada.client.cookies["hub_csrf"]}
    for template in WRITE:
        path = template.format(agent=office.agent, id=uuid4())
        if path.endswith("/archive") or path.endswith("/duplicate"):
            continue
        answer = await ada.client.post(path, content=body, headers=headers)
        assert answer.status_code in (200, 303, 400, 404, 409, 413, 422), (path, answer.status_code, answer.text[:300])
    assert (await ada.get(f"/agents/{office.agent}")).status_code == 200


async def test_odd_questions_to_lists_do_not_break_them(office: Office) -> None:
    ada = await office.person("admin")
    for query in ("q=%00", "q=%ED%A0%80", "q=" + "x" * 5_000, "before=x", "before=%00", "q=%25%25_"):
        assert (await ada.get(f"/customers?{query}")).status_code in (200, 404), query
    for query in ("question=%00", "question=" + "x" * 5_000, "question=%ED%A0%80", "chat=%00", "chat=x"):
        assert (await ada.get(f"/agents/{office.agent}/knowledge?{query}")).status_code == 200, query
    assert (await ada.get("/agents?archived=perhaps")).status_code in (200, 400)
