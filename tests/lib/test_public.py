"""What users see: which addresses are asked, and which answers are as they have to be."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tasks.lib import address, public
from tasks.lib.settings import Environment, Smoke
from tasks.lib.target import Target
from tests.support.project import free_port
from tests.support.web import Answer, serve

WELL = {
    "/api/health": Answer(200, "fine"),
    "/api/version": Answer(200, json.dumps({"release": "r1"})),
    "/": Answer(200, "hello"),
}


def environment(**said: Any) -> Environment:
    whole = Environment(name="staging", smoke=(Smoke("/", 200, "hello"),))
    return msgspec.structs.replace(whole, **said)


def target(front: str) -> Target:
    return Target("a", address.parse("a"), "/srv/a", front, None, (), None, "auto")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        pytest.param({"name": "sandbox"}, ["http://one", "http://two"], id="sandbox"),
        pytest.param({"name": "sandbox", "url": "http://u"}, ["http://u"], id="sandbox with a url"),
        pytest.param({"name": "sandbox", "hosts": ("h",)}, [], id="a sandbox of others"),
        pytest.param({"hosts": ("h",)}, [], id="no url"),
        pytest.param({"hosts": ("h",), "url": "https://x"}, ["https://x"], id="url"),
    ],
)
def test_the_public_addresses(said: dict[str, Any], found: list[str]) -> None:
    targets = [target("http://one"), target("http://two")]
    assert public.urls(environment(**said), targets) == found


@pytest.mark.parametrize(
    ("said", "host"),
    [
        pytest.param({}, "", id="none"),
        pytest.param({"url": "https://shop.example/"}, "shop.example", id="the url's"),
        pytest.param({"url": "https://x", "host_header": "shop"}, "shop", id="configured"),
    ],
)
def test_every_front_is_asked_for_the_public_name(said: dict[str, Any], host: str) -> None:
    asked = public.requests_for(environment(**said), "r1")
    assert [request["path"] for request in asked] == ["/api/health", "/api/version", "/"]
    assert {request["host"] for request in asked} == {host}


def test_without_a_version_path_none_is_asked() -> None:
    asked = public.requests_for(environment(version_path=""), "r1")
    assert [request["path"] for request in asked] == ["/api/health", "/"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        pytest.param({}, "", id="as wanted"),
        pytest.param({"/api/health": Answer(503)}, "/api/health answered 503, not 200", id="ill"),
        pytest.param({"/api/health": Answer(429)}, "", id="throttled is not down"),
        pytest.param({"/": Answer(429, "hello")}, "/ answered 429, not 200", id="smoke throttled"),
        pytest.param({"/": Answer(500)}, "/ answered 500, not 200", id="smoke status"),
        pytest.param({"/": Answer(200, "bye")}, "/ does not show 'hello'", id="smoke text"),
        pytest.param(
            {"/api/version": Answer(200, '{"release": "r0"}')},
            "/api/version names release 'r0', not r1",
            id="another release",
        ),
        pytest.param(
            {"/api/version": Answer(200, "[]")}, "names release None, not r1", id="no object"
        ),
        pytest.param(
            {"/api/version": Answer(200, "<html>")}, "names release '<html>', not r1", id="no JSON"
        ),
        pytest.param({"/api/version": Answer(404)}, "/api/version answered 404", id="no version"),
    ],
)
def test_says_what_is_not_as_wanted(changed: dict[str, Answer], said: str) -> None:
    with serve({**WELL, **changed}) as site:
        found = public.wrong(environment(), [site.url], "r1")
    assert said in found
    assert bool(found) is bool(said)


@pytest.mark.parametrize(
    ("kind", "paths"),
    [
        ("all", ["/api/health", "/api/version", "/"]),
        ("health", ["/api/health"]),
        ("version", ["/api/version"]),
        ("smoke", ["/"]),
    ],
)
def test_one_kind_can_be_asked_alone(kind: str, paths: list[str]) -> None:
    with serve(WELL) as site:
        said = environment(host_header="shop.example")
        assert public.wrong(said, [site.url + "/"], "r1", kind) == ""
    assert site.asked == [(path, "shop.example") for path in paths]


def test_a_redirect_is_an_answer_of_its_own() -> None:
    wanted = environment(smoke=(Smoke("/login", 302),))
    with serve({**WELL, "/login": Answer(302, to="/")}) as site:
        assert public.wrong(wanted, [site.url], "r1") == ""


def test_any_release_will_do_where_none_is_named() -> None:
    with serve(WELL) as site:
        assert public.wrong(environment(), [site.url], "") == ""


def test_no_answer_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert "did not answer (ConnectionError)" in public.wrong(environment(), [url], "r1")


def test_the_first_place_that_is_wrong_is_named() -> None:
    with serve(WELL) as one, serve({**WELL, "/": Answer(500)}) as two:
        assert public.wrong(environment(), [one.url, two.url], "r1").startswith(two.url)
