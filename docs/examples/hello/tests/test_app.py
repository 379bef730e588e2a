"""What the service answers."""

from app import answer


def test_it_says_hello() -> None:
    assert answer("/") == (200, {"hello": "world"})


def test_it_tells_its_health_and_release() -> None:
    assert answer("/api/health")[0] == 200
    assert "release" in answer("/api/version")[1]


def test_nothing_else_is_there() -> None:
    assert answer("/favicon.ico")[0] == 404
