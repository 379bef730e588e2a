from __future__ import annotations

import re

import pytest

from tasks.lib.incident import words

SENTINEL = "Xy7kQ2mP9vL4nB8s"


@pytest.mark.parametrize(
    "text",
    [
        "password={}",
        "DB_PASSWORD: {} and on",
        '{{"api_key": "{} with blanks", "next": 1}}',
        "{{'client_secret': '{}'}}",
        "token => {}",
        "run --token {} now",
        "Authorization: Basic {}",
        "authorization = Bearer {}",
        "got Bearer {}",
        "Cookie: session={}; other={}",
        "{{'Authorization': 'Basic {}'}}",
        "(b'authorization', b'Basic {}')",
        "{{'set-cookie': 'session={}'}}",
        "('password', '{}')",
        'password="{} and no end',
        "DB_PASS={}",
        '{{"body": "{{\\"password\\": \\"{}\\"}}"}}',
        "postgres://user:p@{}@db/shop",
        "postgres://user:{}@db/shop",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n{}\nand no end",
        "https://hooks.slack.com/services/T0/B0/{}",
        "sk_live_{}",
        "glpat-{}",
        "ghp_{}",
        "github_pat_{}",
        "eyJhbGciOiJIUzI1NiJ9.{}.{}",
    ],
)
def test_what_is_named_or_looks_like_a_secret_is_hidden(text: str) -> None:
    said = text.format(*[SENTINEL] * text.count("{}"))
    assert SENTINEL not in words.hidden(f"before {said} ")
    assert words.hidden(f"before {said} ").startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/orders/17 500 in 0.4 s",
        "auth: fix the login",
        "author=bob",
        "the token expired",
        "release 20261125T213933Z-v1.2.3-516d9d7",
        "https://your-domain.com/a:b@c",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert words.hidden(text) == text


def test_values_of_the_environment_are_hidden_by_the_names_of_their_variables() -> None:
    variables = {"JWT_SECRET": "correct horse", "HOME": "/home/me", "MY_PASS": "abc", "X_KEY": ""}
    assert words.own(variables) == ("correct horse",)
    assert words.hidden("a correct horse ran", words.own(variables)) == "a *** ran"


def test_of_a_log_what_reads_like_no_word_is_hidden_but_for_what_is_known() -> None:
    release = "20261125T213933Z-main-516d9d7"
    path = f'File "/srv/releases/{release}/server/test_some_long_name_of_ours.py", line 3'
    long = "a1b2" * 8
    assert words.logged(f"{path} {long} {SENTINEL}{SENTINEL}", keep=(release,)) == f"{path} *** ***"


EVIL = "a | b <script> --- *x* _y_ `c` [l](u) ![i](u) #1 @bob ~s~ &lt; \\ $x$"


def test_a_text_is_shown_as_it_is_and_read_back() -> None:
    said = words.marked(EVIL)
    assert words.unmarked(said) == EVIL
    assert not re.search(r"(?<!\\)[|<`*_\[\]#~$!]|@b|&lt", said)
    assert words.plain("one\n---\ntwo\r\n") == "one --- two"
    assert words.marked("\x1b[31mred\u202e") == "\\\\x1b\\[31mred\\\\u202e"
    assert words.plain("x" * 400).endswith("…") and len(words.plain("x" * 400)) == 300
    assert "@" in words.marked("root@vm") and "\u200b" not in words.marked("root@vm")


def test_nothing_in_a_block_ends_it() -> None:
    told = words.fenced(["a", "```", "````", "- [ ] x", "\x1b[2J"])
    fence = told.splitlines()[0].removesuffix("text")
    assert fence == "`" * 5 and told.splitlines()[-1] == fence
    assert "\x1b" not in told


def test_of_an_address_only_the_name_is_left() -> None:
    assert words.unaddressed("Jane <jane.doe@example.invalid>") == "Jane <jane.doe>"
    assert words.unaddressed("root@vm") == "root@vm"
    assert words.said("for bob@example.invalid") == "for bob"
    assert (
        words.said("is postgres://u:pass@db.example.invalid")
        == "is postgres://u:***@db.example.invalid"
    )


def test_a_log_has_nobodys_address() -> None:
    assert words.logged("no order of bob.b@example.invalid: 500") == "no order of ***: 500"


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("Checkout answers 500!", "checkout-answers-500"),
        ("Größe/../ Ümlaut ß", "grosse-umlaut-ss"),
        ("日本", ""),
        ("../../etc/passwd", "etc-passwd"),
        ("--- <b>", "b"),
        ("word " * 30, "-".join(["word"] * 10)),
        ("x" * 90, "x" * 50),
    ],
)
def test_a_name_of_a_file_is_ascii_and_safe(text: str, slug: str) -> None:
    assert words.slug(text) == slug and len(slug) <= words.SLUG


def test_a_line_that_has_no_end_is_looked_at_as_far_as_it_is_shown() -> None:
    long = "password" * 100_000
    assert len(words.logged(f"{long}\n{long}")) <= 2 * words.LOOKED + 1
    assert len(words.plain(long)) == words.LONGEST
