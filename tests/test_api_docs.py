"""The API's page in the docs is true: its requests work, its addresses and words exist."""

import re
from pathlib import Path

import httpx

from tests.api_fixtures import Api, api, begin, mine
from tests.api_routes import routes

__all__ = ["api", "mine"]

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "api.md").read_text()


def test_every_request_that_is_shown_works(api: Api, mine: httpx.Client) -> None:
    mine.post("/v1/addresses", json={"channel": "sms", "value": "+12025550100"})
    begun, tried = begin(mine), 0
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for command in block.replace("\\\n", " ").split("curl ")[1:]:
            found = re.search(r"\$HUB(\S+)", command)
            assert found is not None
            path, body = found[1].strip('"').replace("$ID", begun["id"]), re.search(r"-d '(\{.*?\})'", command)
            if path.endswith("/stream"):
                continue
            if "--data-binary" in command:
                kind = re.search(r'Content-Type: ([^"]+)', command)
                assert kind is not None
                answer = mine.post(path, content=b"%PDF-1.7", headers={"Content-Type": kind[1]})
            elif body is None:
                query = dict(pair.split("=", 1) for pair in re.findall(r'(?:-d|urlencode) "?(\w+=[^"\s]+)', command))
                answer = mine.get(path, params=query)
            else:
                text = body[1].replace('"user_id": "..."', f'"user_id": "{api.mine.users["support"]}"')
                answer = mine.post(path, content=text, headers={"Content-Type": "application/json"})
            assert answer.status_code < 400, f"{command}: {answer.text}"
            tried += 1
    assert tried >= 6


def test_every_address_that_is_named_exists(api: Api) -> None:
    known = {path for _, path in routes(api.app)}
    named = {path.replace("$ID", "{interaction_id}") for path in re.findall(r"/v1/[\w/{}$]+", PAGE)}
    for path in named:
        shape = re.sub(r"\{\w+\}", "{}", path)
        assert shape in {re.sub(r"\{\w+\}", "{}", one) for one in known}, path


def test_every_event_that_is_named_exists() -> None:
    source = "".join(path.read_text() for path in (ROOT / "hub").rglob("*.py"))
    table = PAGE[PAGE.index("| event | when |") :].partition("\n\n")[0]
    reported = {f"message.{status}" for status in ("sent", "delivered", "read", "failed", "undelivered")}
    for name in set(re.findall(r"`(\w+\.\w+)`", table)) - reported:
        assert f'"{name}"' in source, name


def test_every_code_that_is_named_exists() -> None:
    source = "".join(path.read_text() for folder in ("hub", "web/api") for path in (ROOT / folder).rglob("*.py"))
    rows = re.findall(r"^\| 4\d\d \|.*$", PAGE, re.MULTILINE)
    codes = {code for row in rows for code in re.findall(r"`([a-z_]+)`", row)} - {"errors"}
    assert len(codes) > 8
    for code in codes:
        assert f'"{code}"' in source, code
