"""Signing in and out, and what every page carries, through the public door."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.desk import PASSWORD, Desk, desk_in

VENDOR = Path("web/static/vendor")
HTML = {"accept": "text/html"}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desk_in(Path(tmp_path_factory.mktemp("desk"))) as made:
        yield made


@pytest.fixture
def browser(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=desk.url, headers=HTML) as client:
        yield client


def sign_in(
    browser: httpx.Client, email: str = "ana@example.com", password: str = PASSWORD, next: str = ""
) -> httpx.Response:
    page = browser.get("/signin", params={"next": next})
    token = re.search(r'name="_csrf_token" value="([0-9a-f]+)"', page.text)
    form = {"email": email, "password": password, "next": next, "_csrf_token": token[1] if token else ""}
    return browser.post("/signin", data=form)


def test_signing_in_leads_to_the_inbox_with_a_guarded_cookie(browser: httpx.Client) -> None:
    answer = sign_in(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/inbox")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert browser.get("/inbox").status_code == 200


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/\t/evil",
    ],
)
def test_nobody_is_led_to_another_site(browser: httpx.Client, elsewhere: str) -> None:
    assert sign_in(browser, next=elsewhere).headers["location"] == "/inbox"


def test_one_comes_back_to_where_one_wanted(browser: httpx.Client) -> None:
    refused = browser.get("/inbox?view=mine&q=a%20b")
    assert refused.status_code == 303
    assert refused.headers["location"] == "/signin?next=%2Finbox%3Fview%3Dmine%26q%3Da%2520b"
    assert sign_in(browser, next="/inbox?view=mine&q=a%20b").headers["location"] == "/inbox?view=mine&q=a%20b"


@pytest.mark.parametrize("email", ["ana@example.com", "nobody@example.com"])
def test_a_wrong_password_and_a_wrong_email_look_alike(browser: httpx.Client, email: str) -> None:
    answer = sign_in(browser, email, "wrong password")
    assert answer.status_code == 401
    assert "do not belong together" in answer.text
    assert "wrong password" not in answer.text


def test_guessing_is_slowed_down_in_plain_words(browser: httpx.Client) -> None:
    answers = [sign_in(browser, "vera@example.com", f"guess {number}") for number in range(6)]
    assert answers[-1].status_code == 429
    assert re.search(r"Too many tries\. Wait \d+ seconds", answers[-1].text)
    assert int(answers[-1].headers["retry-after"]) > 0
    assert sign_in(browser, "vera@example.com").status_code == 429


def test_a_form_without_its_token_is_refused(browser: httpx.Client) -> None:
    answer = browser.post("/signin", data={"email": "ana@example.com", "password": PASSWORD})
    assert answer.status_code == 403
    assert "Please try that again" in answer.text


def test_signing_out_ends_the_session(browser: httpx.Client) -> None:
    sign_in(browser)
    kept = browser.cookies["hub_session"]
    answer = browser.post("/signout", headers={"x-csrftoken": browser.cookies["hub_csrf"]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin")
    browser.cookies.set("hub_session", kept)
    assert browser.get("/inbox").status_code == 303


def test_programs_and_fragments_are_told_in_their_own_way(desk: Desk) -> None:
    with httpx.Client(base_url=desk.url) as client:
        plain = client.get("/inbox")
        assert (plain.status_code, plain.headers["content-type"]) == (401, "application/problem+json")
        fragment = client.get(
            "/inbox/rows", headers=HTML | {"hx-request": "true", "hx-current-url": f"{desk.url}/inbox?view=all"}
        )
        assert fragment.status_code == 401
        assert fragment.headers["hx-redirect"] == "/signin?next=%2Finbox%3Fview%3Dall"


@pytest.mark.parametrize("path", ["/signin", "/nothing-here", "/inbox", "/static/hub.css"])
def test_every_answer_is_strict(browser: httpx.Client, path: str) -> None:
    headers = browser.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert ("no-store" in headers["cache-control"]) == (not path.startswith("/static"))


@pytest.mark.parametrize(("path", "status"), [("/nothing-here", 404), ("/signout", 405), ("/interactions/1", 404)])
def test_errors_are_pages_with_a_way_on(browser: httpx.Client, path: str, status: int) -> None:
    sign_in(browser)
    answer = browser.get(path)
    assert answer.status_code == status
    assert "<h1>" in answer.text
    assert 'href="/inbox"' in answer.text or 'class="button primary" href="/"' in answer.text
    assert 'href="/signin"' not in answer.text, "who is signed in need not sign in"


def test_vendored_files_are_what_the_lock_says() -> None:
    locked = {entry["file"]: entry for entry in json.loads((VENDOR / "vendor.lock.json").read_text())["files"]}
    assert {path.name for path in VENDOR.glob("*.js")} == set(locked)
    for name, entry in locked.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == entry["sha256"]
        assert (VENDOR / entry["licence_file"]).read_text().strip()
        assert entry["version"]
        assert entry["licence"]
