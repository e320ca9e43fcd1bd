"""Customers by the API: merged and undone, sent to, exported, imported, erased; what is refused has a reason."""

import csv
import io
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api_fixtures import api, begin, mine

__all__ = ["api", "mine"]


def made(client: httpx.Client, name: str = "", **identity: str) -> dict[str, Any]:
    known = [identity] if identity else []
    answer = client.post("/v1/customers", json={"name": name, "identities": known})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def mail() -> str:
    return f"{uuid4().hex}@example.com"


def test_a_merge_is_listed_and_undone_and_the_merged_record_says_so(mine: httpx.Client) -> None:
    kept, other = made(mine, "Ana", kind="email", value=mail()), made(mine, "Ben", kind="email", value=mail())
    change = mine.post(f"/v1/customers/{kept['id']}/merge", json={"other_id": other["id"]}).json()
    assert (change["kind"], change["customer_id"], change["other_id"]) == ("merge", kept["id"], other["id"])
    assert len(mine.get(f"/v1/customers/{kept['id']}").json()["identities"]) == 2
    assert mine.get(f"/v1/customers/{other['id']}").json()["merged_into"] == kept["id"]
    assert other["id"] not in mine.get("/v1/customers", params={"limit": 200}).text
    again = mine.post(f"/v1/customers/{other['id']}/merge", json={"other_id": kept["id"]})
    assert (again.status_code, again.json()["code"]) == (409, "merged")
    undone = mine.post(f"/v1/customers/{kept['id']}/changes/{change['id']}/undo").json()
    assert undone["undone_at"]
    assert mine.get(f"/v1/customers/{other['id']}").json()["identities"] == other["identities"]
    listed = mine.get(f"/v1/customers/{other['id']}/changes").json()["data"]
    assert [one["id"] for one in listed] == [change["id"]]
    stranger = made(mine)
    assert mine.post(f"/v1/customers/{stranger['id']}/changes/{change['id']}/undo").status_code == 404


def test_an_identity_that_is_taken_away_is_free_for_another(mine: httpx.Client) -> None:
    value = mail()
    first, second = made(mine, kind="email", value=value), made(mine)
    path = f"/v1/customers/{first['id']}/identities/{first['identities'][0]['id']}"
    assert mine.delete(path).status_code == 204
    assert mine.delete(path).status_code == 404
    taken = mine.post(f"/v1/customers/{second['id']}/identities", json={"kind": "email", "value": value})
    assert taken.status_code == 201
    vouched = {"kind": "email", "value": value, "strength": "verified"}
    known = mine.post(f"/v1/customers/{second['id']}/identities", json=vouched).json()
    assert (known["strength"], known["proof"]["by"]) == ("verified", "Mine read write")


def test_what_cannot_be_reached_says_why(mine: httpx.Client) -> None:
    customer = made(mine, kind="email", value=mail())
    answer = mine.post(f"/v1/customers/{customer['id']}/messages", json={"text": "Hello"})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_way")
    begun = begin(mine)
    seen = mine.post(f"/v1/customers/{begun['customer_id']}/messages/preview", json={"text": "Hello"}).json()
    assert [(way["channel"], way["open"], way["obstacle"]) for way in seen["ways"]] == [
        ("webchat", False, "they are not in the chat now")
    ]
    code = mine.post(f"/v1/customers/{customer['id']}/verifications", json={"kind": "crm", "value": "1"})
    assert (code.status_code, code.json()["code"]) == (409, "no_channel")
    checked = mine.post(f"/v1/customers/{customer['id']}/verifications/check", json={"code": "123456"})
    assert (checked.status_code, checked.json()["code"]) == (409, "no_code")


def test_a_file_is_tried_first_and_then_imported_and_comes_out_again(mine: httpx.Client) -> None:
    value = mail()
    given = {"csv": f"Name,Mail,Size\nDora,{value},=1+1\nEgon,{mail()},L\nFritz,nowhere,\n", "dry_run": True}
    tried = mine.post("/v1/customers/import", json=given).json()
    assert (tried["columns"], tried["ok"], tried["bad"], tried["created"]) == (
        ["name", "email", "custom:Size"], 1, 2, 0,
    )  # fmt: skip
    assert [(row["line"], row["state"]) for row in tried["rows"]] == [(2, "bad"), (4, "bad")]
    done = mine.post("/v1/customers/import", json={**given, "dry_run": False}).json()
    assert (done["created"], done["left_out"]) == (1, 2)
    wrong = mine.post("/v1/customers/import", json={**given, "columns": ["name", "name", ""]})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "columns")
    broken = mine.post("/v1/customers/import", json={"csv": 'name\n"Ana'})
    assert (broken.status_code, broken.json()["code"]) == (422, "not_a_table")
    answer = mine.get("/v1/customers/export", params={"q": "Egon"})
    assert answer.headers["content-type"].startswith("text/csv")
    (row,) = csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")))
    assert (row["name"], row["Size"], row["opted_out"]) == ("Egon", "L", "no")


@pytest.mark.parametrize("name", ["=cmd()", "+cmd", "-1+1", "@SUM(1)"])
def test_an_export_holds_no_formula(mine: httpx.Client, name: str) -> None:
    marked = f"{name} {uuid4().hex}"
    made(mine, marked)
    answer = mine.get("/v1/customers/export", params={"q": marked})
    (row,) = csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")))
    assert row["name"] == f"'{marked}"


def test_everything_of_a_customer_is_given_and_then_erased(mine: httpx.Client) -> None:
    begun = begin(mine, text="Remember the xylophone")
    path = f"/v1/customers/{begun['customer_id']}"
    mine.post(f"{path}/consents", json={"state": "revoked", "purpose": "marketing", "evidence": "By letter"})
    given = mine.get(f"{path}/export").json()
    assert [one["text"] for one in given["interactions"][0]["messages"]] == ["Remember the xylophone"]
    assert given["consents"][0]["purpose"] == "marketing"
    ledger = mine.get("/v1/consents/export").text
    assert "By letter" in ledger
    assert mine.delete(path).status_code == 204
    assert mine.delete(path).status_code == 404
    assert mine.get(f"/v1/interactions/{begun['id']}").status_code == 404
    assert "By letter" not in mine.get("/v1/consents/export").text
    assert "xylophone" not in mine.get("/v1/events", params={"limit": 200}).text
    audit = [one["action"] for one in mine.get("/v1/audit").json()["data"]]
    assert audit[:2] == ["customer.erased", "customer.exported"]
