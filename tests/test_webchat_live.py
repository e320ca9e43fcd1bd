"""The web chat over HTTP and its socket, against a real server on loopback."""

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from channels.webchat import Visitor
from tests.webchat import GREETING, Site, Tab, running, until
from web.webchat.colour import contrast, stylesheet


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running(Path(tmp_path_factory.mktemp("webchat")), ["https://shop.example"]) as made:
        yield made


def test_a_visitor_is_greeted_before_anything_is_stored(site: Site) -> None:
    with Tab(site) as tab:
        welcome = tab.hello()
        assert (welcome["type"], welcome["name"], welcome["greeting"]) == ("welcome", "Maya", GREETING)
        assert welcome["started"] is False
        tab.send(type="ping")
        assert tab.next() == {"type": "pong"}
        assert site.interactions(tab.thread) == []


def test_the_agent_answers_and_does_not_greet_again(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "hello")
        answer = tab.until("message", lambda frame: frame["role"] == "agent" and frame["text"] != GREETING)
        assert answer["name"] == "Maya"
        said = site.messages(tab.thread)
        assert [(m.role, m.text) for m in said[:2]] == [("agent", GREETING), ("customer", "hello")]
        assert [m.text for m in said].count(GREETING) == 1


def test_a_message_is_acknowledged_and_the_agent_seen_thinking(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "I have a question")
        seen = []
        while not seen or seen[-1]["type"] != "typing" or seen[-1]["on"]:
            seen.append(tab.next())
        assert {"type": "status", "id": "m1", "status": "sent"} in seen
        assert [frame["seq"] for frame in seen if frame["type"] == "message"] == sorted(
            frame["seq"] for frame in seen if frame["type"] == "message"
        )


def test_a_message_sent_again_is_stored_once(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        for _ in range(3):
            tab.say("m1", "only once")
            tab.until("status", lambda frame: frame["id"] == "m1")
        thread, token = tab.thread, tab.token
    with Tab(site) as again:
        again.hello(token=token)
        again.say("m1", "only once")
        again.until("status", lambda frame: frame["id"] == "m1")
    said = [m for m in site.messages(thread) if m.role == "customer"]
    assert [(m.text, m.external_id.split(":")[1]) for m in said] == [("only once", "m1")]


def test_a_message_by_post_and_by_socket_is_the_same_one(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        body = {"token": tab.token, "id": "m1", "text": "by either way"}
        answer = httpx.post(f"{site.url}/hooks/webchat", json=body)
        assert (answer.status_code, answer.json()) == (200, {"id": "m1", "status": "sent"})
        assert tab.until("message", lambda frame: frame["role"] == "customer")["id"] == "m1"
        tab.say("m1", "by either way")
        tab.until("status")
        assert len([m for m in site.messages(tab.thread) if m.role == "customer"]) == 1


def test_a_new_tab_shows_the_whole_thread_and_an_old_one_only_the_rest(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "first")
        own = tab.until("message", lambda frame: frame.get("id") == "m1")
        answer = tab.until("message", lambda frame: frame["role"] == "agent")
        token = tab.token
    with Tab(site) as reloaded:
        assert reloaded.hello(token=token)["started"] is True
        reloaded.until("message", lambda frame: frame.get("id") == "m1")
        reloaded.until("message", lambda frame: frame["message"] == answer["message"])
    with Tab(site) as back:
        back.hello(token=token, seen={own["interaction"]: answer["seq"]})
        back.say("m2", "second")
        assert back.until("message")["id"] == "m2"


def test_what_was_said_while_the_network_was_lost_is_shown_after_it(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "first")
        last = tab.until("message", lambda frame: frame["role"] == "agent" and frame["text"] != GREETING)
        token, interaction = tab.token, last["interaction"]
    site.take_over(interaction)
    site.answer(interaction, "Here is Sam.")
    with Tab(site) as back:
        back.hello(token=token, seen={interaction: last["seq"]})
        missed = back.until("message")
        assert (missed["role"], missed["name"], missed["text"]) == ("operator", "Sam", "Here is Sam.")


def test_two_tabs_show_the_same_in_the_same_order(site: Site) -> None:
    with Tab(site) as one, Tab(site) as two:
        one.hello()
        two.hello(token=one.token)
        for number in range(4):
            (one if number % 2 else two).say(f"m{number}", f"number {number}")
            for tab in (one, two):
                tab.until("message", lambda frame, wanted=f"m{number}": frame.get("id") == wanted)
        site.run(site.hub.context.settle())
        one.say("last", "done")
        for tab in (one, two):
            tab.until("message", lambda frame: frame.get("id") == "last")
        shown = [[f["message"] for f in tab.frames if f["type"] == "message"] for tab in (one, two)]
        assert shown[0] == shown[1]
        assert len(set(shown[0])) == len(shown[0])


def test_many_messages_at_once_keep_their_order(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        for number in range(10):
            tab.say(f"m{number}", f"number {number}")
        for number in range(10):
            assert tab.until("message", lambda frame: frame["role"] == "customer")["id"] == f"m{number}"


def test_an_operator_joins_writes_and_hands_back(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "a person please")
        waiting = tab.until("operator", lambda frame: frame["owner"] == "queue")
        site.take_over(waiting["interaction"])
        joined = tab.until("operator", lambda frame: frame["owner"] == "operator")
        assert joined["name"] == "Sam"
        site.answer(waiting["interaction"], "Between us", note=True)
        site.answer(waiting["interaction"], "Good morning!")
        assert tab.until("message", lambda frame: frame["role"] == "operator")["text"] == "Good morning!"
        assert "Between us" not in json.dumps(tab.frames)
        site.run(site.hub.hand_back(site.operator.workspace_id, UUID(waiting["interaction"]), site.operator))
        assert tab.until("operator", lambda frame: frame["owner"] == "ai")["name"] == "Maya"


def test_what_was_shown_is_delivered_and_what_was_seen_is_read(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "hello")
        last = tab.until("message", lambda frame: frame["role"] == "agent" and frame["text"] != GREETING)
        thread = tab.thread

        def statuses() -> set[str]:
            return {m.status for m in site.messages(thread) if m.role == "agent"}

        until(lambda: statuses() == {"delivered"})
        tab.send(type="read", interaction=last["interaction"], seq=last["seq"])
        until(lambda: statuses() == {"read"})


def test_what_was_delivered_before_the_network_was_lost_can_be_read_after(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "hello")
        last = tab.until("message", lambda frame: frame["role"] == "agent" and frame["text"] != GREETING)
        token, thread = tab.token, tab.thread
    with Tab(site) as back:
        back.hello(token=token, seen={last["interaction"]: last["seq"]})
        back.until("operator")
        back.send(type="read", interaction=last["interaction"], seq=last["seq"])
        until(lambda: {m.status for m in site.messages(thread) if m.role == "agent"} == {"read"})


def test_an_ended_conversation_is_shown_rated_and_followed_by_a_new_one(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "hello")
        first = tab.until("message", lambda frame: frame["role"] == "agent" and frame["text"] != GREETING)
        tab.send(type="end")
        assert tab.until("ended", lambda frame: frame["over"])["words"] == "You ended this conversation."
        tab.send(type="rate", interaction=first["interaction"], score=4, words="Quick and kind")
        tab.until("rated")
        assert [event.data for event in site.events(first["interaction"], "interaction.rated")] == [
            {"score": 4, "words": "Quick and kind"}
        ]
        assert site.interaction(UUID(first["interaction"])).rating == 4
        tab.say("m2", "one more thing")
        second = tab.until("message", lambda frame: frame.get("id") == "m2")
        assert second["interaction"] != first["interaction"]
        tab.until("ended", lambda frame: not frame["over"])
        assert [i.ended_reason for i in site.interactions(tab.thread)] == ["customer_hangup", ""]


def test_a_conversation_of_somebody_else_cannot_be_rated_read_or_followed(site: Site) -> None:
    with Tab(site) as mine, Tab(site) as theirs:
        mine.hello()
        theirs.hello()
        mine.say("m1", "private matters")
        said = mine.until("message", lambda frame: frame["role"] == "agent")
        theirs.send(type="rate", interaction=said["interaction"], score=1)
        assert theirs.next()["code"] == "forbidden"
        theirs.send(type="read", interaction=said["interaction"], seq=99)
        theirs.send(type="ping")
        assert theirs.next() == {"type": "pong"}
        assert site.events(said["interaction"], "message.read") == []
    with Tab(site) as guess:
        guess.hello(seen={said["interaction"]: 1})
        guess.send(type="rate", interaction=said["interaction"], score=1)
        assert guess.next()["code"] == "forbidden"


def test_a_token_of_another_chat_or_workspace_is_refused(site: Site) -> None:
    with Tab(site) as theirs:
        theirs.hello("other")
        token = theirs.token
    with Tab(site) as tab:
        answer = tab.hello("shop", token=token)
        assert (answer["type"], answer["code"]) == ("error", "token")
        assert tab.closed_with() == 4401


def test_a_token_that_was_made_up_is_refused(site: Site) -> None:
    with Tab(site) as tab:
        assert tab.hello(token="nonsense")["code"] == "token"
        assert tab.closed_with() == 4401
    answer = httpx.post(f"{site.url}/hooks/webchat", json={"token": "nonsense", "id": "1", "text": "hi"})
    assert answer.status_code == 401


def test_a_chat_that_is_gone_takes_nothing_even_with_a_good_token(site: Site) -> None:
    with Tab(site) as tab:
        assert tab.hello("nowhere")["code"] == "widget"
        assert tab.closed_with() == 4404
    token = site.app.state.webchat.channel.token(Visitor("nowhere", "0" * 32))
    answer = httpx.post(f"{site.url}/hooks/webchat", json={"token": token, "id": "1", "text": "hi"})
    assert answer.status_code == 404
    assert site.interactions("nowhere:" + "0" * 32) == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_the_socket_is_closed_to_pages_of_other_origins(site: Site, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        Tab(site, origin=origin)
    assert refused.value.response.status_code == 403


def test_the_socket_opens_to_this_machine_by_its_other_name(site: Site) -> None:
    with Tab(site, origin=f"http://localhost:{site.port}") as tab:
        assert tab.hello()["type"] == "welcome"


def test_a_visitor_who_is_too_fast_is_told_to_wait_and_loses_nothing(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        for number in range(14):
            tab.say(f"m{number}", f"number {number}")
        error = tab.until("error")
        assert error["code"] == "too_fast"
        assert error["id"] == "m12"
        assert error["wait_seconds"] >= 1
        assert "Wait" in error["words"]
        tab.until("error")
        tab.send(type="ping")
        tab.until("pong")


def test_frames_without_end_close_the_socket(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        with contextlib.suppress(ConnectionClosed):
            for _ in range(80):
                tab.send(type="typing")
        assert tab.closed_with() == 4429


def test_one_network_cannot_open_visits_without_end_but_another_still_can(site: Site) -> None:
    codes = []
    for _ in range(40):
        with Tab(site, network="198.51.100.7") as tab:
            codes.append(tab.hello().get("code"))
    assert codes[:30] == [None] * 30
    assert "too_fast" in codes
    with Tab(site, network="198.51.100.8") as tab:
        assert tab.hello()["type"] == "welcome"


def test_one_network_cannot_write_without_end(site: Site) -> None:
    codes: list[str] = []
    for _ in range(4):
        with Tab(site, network="198.51.100.9") as tab:
            tab.hello()
            for number in range(50):
                tab.say(f"m{number}", "")
            codes += [tab.next()["code"] for _ in range(50)]
    assert "too_fast" in codes


BAD_FRAMES = {
    "no JSON": "hello",
    "a list": "[1, 2]",
    "nothing": "",
    "no type": "{}",
    "an unknown type": '{"type": "delete"}',
    "a type that is a list": '{"type": ["message"]}',
    "hello again": '{"type": "hello", "widget": "shop"}',
    "deep nesting": "[" * 30_000,
    "NUL": '{"type": "message", "id": "m1", "text": "a\\u0000b"}',
    "half a surrogate pair": '{"type": "message", "id": "m1", "text": "a\\ud83d"}',
    "half a surrogate pair as an id": '{"type": "message", "id": "\\ud83d", "text": "a"}',
    "too long": json.dumps({"type": "message", "id": "m1", "text": "x" * 4_001}),
    "empty text": '{"type": "message", "id": "m1", "text": "  "}',
    "text that is a number": '{"type": "message", "id": "m1", "text": 7}',
    "no id": '{"type": "message", "text": "hi"}',
    "read without seq": '{"type": "read", "interaction": "x"}',
    "read with a huge seq of nothing": '{"type": "read", "interaction": 7, "seq": 1e999}',
    "read of no interaction": '{"type": "read", "interaction": "x", "seq": 3}',
    "rate without score": '{"type": "rate", "interaction": "x"}',
}


@pytest.mark.parametrize("text", BAD_FRAMES.values(), ids=BAD_FRAMES.keys())
def test_a_bad_frame_gets_clear_words_and_the_chat_goes_on(site: Site, text: str) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.socket.send(text)
        error = tab.next()
        assert error["type"] == "error"
        assert error["code"] == "bad_request"
        assert len(error["words"]) > 10
        tab.send(type="ping")
        assert tab.next() == {"type": "pong"}
        assert site.interactions(tab.thread) == []


def test_a_frame_over_64_kb_closes_the_socket(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "x" * 70_000)
        assert tab.closed_with() == 1009


def test_a_frame_of_just_64_kb_gets_words(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        frame = json.dumps({"type": "message", "id": "m1", "text": ""})
        tab.say("m1", "x" * (65_536 - len(frame)))
        assert "4,000 fit" in tab.next()["words"]
        tab.say("m1", "x" * 60_000)
        assert "60,000" in tab.next()["words"]


def test_a_binary_frame_closes_the_socket_with_words(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.socket.send(b"\x00\x01")
        assert "binary" in tab.next()["words"]
        assert tab.closed_with() == 1003


@pytest.mark.parametrize(
    "first",
    ["nonsense", "[]", '{"type": "message", "id": "m1", "text": "hi"}', '{"type": "hello"}',
     '{"type": "hello", "widget": ["shop"]}', '{"type": "hello", "widget": "a\\u0000"}',
     '{"type": "hello", "widget": "a\\ud83d"}', '{"type": "hello", "widget": "shop", "token": {"a": 1}}',
     '{"type": "hello", "widget": "shop", "token": "\\ud83d"}'],
)  # fmt: skip
def test_a_bad_hello_gets_words_and_a_code(site: Site, first: str) -> None:
    with Tab(site) as tab:
        tab.socket.send(first)
        assert tab.next()["type"] == "error"
        assert 4400 <= tab.closed_with() < 4500


@pytest.mark.parametrize(
    "seen", [[1], "x", {"x": 1}, {"0" * 32: "1"}, {"0" * 32: -1}, {"0" * 32: 10**30}, {"0" * 32: True}, None]
)
def test_a_strange_memory_of_the_page_does_no_harm(site: Site, seen: object) -> None:
    with Tab(site) as tab:
        assert tab.hello(seen=seen)["type"] == "welcome"
        tab.say("m1", "hi")
        tab.until("message", lambda frame: frame["role"] == "agent")


def test_without_an_agent_the_team_is_asked(site: Site) -> None:
    with Tab(site) as tab:
        welcome = tab.hello("desk")
        assert (welcome["name"], welcome["greeting"]) == ("", "")
        tab.say("m1", "anybody?")
        assert tab.until("operator")["owner"] == "queue"
        tab.send(type="ping")
        tab.until("pong")
        assert not any(frame["type"] == "typing" and frame["on"] for frame in tab.frames)


def test_a_lost_hint_is_found_by_the_common_look(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        tab.say("m1", "hello")
        last = tab.until("message", lambda frame: frame["role"] == "agent" and frame["text"] != GREETING)
        site.run(site.hub.context.settle())
        bus = site.hub.context.store.bus
        publish = bus.publish
        bus.publish = lambda hints: None  # type: ignore[method-assign]
        try:
            site.take_over(last["interaction"])
            site.answer(last["interaction"], "Did this arrive?")
        finally:
            bus.publish = publish  # type: ignore[method-assign]
        rounds = site.app.state.webchat.rounds
        site.run(rounds._look_at(list(rounds._visits)))
        assert tab.until("message")["text"] == "Did this arrive?"


def test_nothing_is_kept_of_visits_that_are_over(site: Site) -> None:
    with Tab(site) as tab:
        tab.hello()
        visits = site.app.state.webchat
        until(lambda: len(visits.rounds) == 1)
    until(lambda: len(visits.rounds) == 0)
    assert not visits.tabs
    bus = site.hub.context.store.bus
    until(lambda: not any(topic.startswith("thread:") for topic in bus._listeners))


def test_one_visitor_has_a_bounded_number_of_tabs(site: Site) -> None:
    tabs = [Tab(site) for _ in range(21)]
    try:
        token = tabs[0].hello()["token"]
        for tab in tabs[1:20]:
            assert tab.hello(token=token)["type"] == "welcome"
        assert "tabs" in tabs[20].hello(token=token)["words"]
        assert tabs[20].closed_with() == 4429
    finally:
        for tab in tabs:
            tab.close()


def test_the_page_may_be_framed_by_its_origins_only(site: Site) -> None:
    policy = httpx.get(f"{site.url}/chat/shop").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors 'self' https://shop.example")
    assert "unsafe" not in policy
    closed = httpx.get(f"{site.url}/chat/closed").headers["content-security-policy"]
    assert closed.endswith("frame-ancestors 'self'")


def test_the_page_leaves_no_cookie_and_says_when_there_is_no_such_chat(site: Site) -> None:
    page = httpx.get(f"{site.url}/chat/shop")
    assert "set-cookie" not in page.headers
    assert "Oak &amp; Linen" in page.text
    for key in ("%3Cscript%3E", "a%00b", "%ED%A0%80", "x" * 5_000, "%0d%0aset-cookie:a"):
        missing = httpx.get(f"{site.url}/chat/{key}")
        assert missing.status_code == 404
        assert "no such chat" in missing.text
        assert "<script>" not in missing.text


@pytest.mark.parametrize("accent", ["#facc15", "#000000", "#ffffff", "#3b5bdb", "#777777", "red", 7, None, "#12345;}"])
def test_whatever_the_colour_its_texts_can_be_read(accent: object) -> None:
    found = dict(re.findall(r"--hub-([a-z-]+):#([0-9a-f]{6})", stylesheet(accent)))
    colour = {name: tuple(bytes.fromhex(value)) for name, value in found.items()}
    assert contrast(colour["accent"], colour["on-accent"]) >= 4.4
    assert contrast(colour["link"], (255, 255, 255)) >= 4.5
    assert contrast(colour["link-dark"], (21, 23, 28)) >= 4.5
    assert len(stylesheet(accent)) < 150


def test_the_script_is_fetched_anew_within_minutes(site: Site) -> None:
    script = httpx.get(f"{site.url}/static/chat/widget.js")
    assert script.headers["cache-control"] == "max-age=300, public"
    assert script.headers["content-type"].startswith("text/javascript")
    again = httpx.get(f"{site.url}/static/chat/widget.js", headers={"If-None-Match": script.headers["etag"]})
    assert again.status_code == 304


def test_many_visitors_at_once_are_all_answered(site: Site) -> None:
    tabs = [Tab(site) for _ in range(40)]
    try:
        for tab in tabs:
            tab.hello()
        for tab in tabs:
            tab.say("m1", "hello")
        for tab in tabs:
            tab.until("message", lambda frame: frame["role"] == "agent" and frame["text"] != GREETING)
    finally:
        for tab in tabs:
            tab.close()
