from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from invoke.config import Config
from invoke.context import Context

from tasks.lib import config, sound
from tasks.lib.errors import Refused

HOSTED = {"hosts": ["deploy@a.example"]}


def context(overrides: dict[str, Any]) -> Context:
    return Context(Config(overrides=overrides))


def load(**staging: Any) -> config.Environment:
    return config.load(context({"environments": {"staging": {**HOSTED, **staging}}})).environment(
        "staging"
    )


def project(
    root: Path, text: str, monkeypatch: pytest.MonkeyPatch, **variables: str
) -> config.Settings:
    """Load as `inv` does: the declared defaults, then invoke.yaml, then INVOKE_*."""
    import tasks

    (root / "invoke.yaml").write_text(text)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    read = Config(project_location=root)
    read.load_project()
    read.load_collection(tasks.DEFAULTS)
    read.load_shell_env()
    return config.load(Context(read))


def test_with_nothing_said_there_is_the_sandbox() -> None:
    settings = config.load(context({}))
    sandbox = settings.environment()
    assert (sandbox.name, sandbox.watch, sandbox.adapter) == ("sandbox", 5.0, "process")
    assert (sandbox.gates, sandbox.freeze, sandbox.ssh_config) == ((), (), "")
    assert settings.sandbox == config.Sandbox() and settings.remote == "origin"
    assert config.Settings().environment().name == "sandbox"


def test_an_environment_is_laid_on_the_service_and_that_on_the_defaults() -> None:
    settings = config.load(
        context(
            {
                "app": "shop",
                "service": {"keep": 2, "limits": {"start": "2m", "drain": 5}, "watch": "1h"},
                "environments": {
                    "staging": {**HOSTED, "limits": {"start": "90s"}, "watch": None},
                    "production": {**HOSTED, "path": "/opt/shop", "keep": 9},
                },
            }
        )
    )
    staging, production = settings.environment("staging"), settings.environment("production")
    assert (staging.keep, production.keep) == (2, 9)
    assert (staging.limits.start, staging.limits.drain, staging.limits.lease) == (90, 5, 30)
    assert staging.watch == 3600 and settings.environment("sandbox").watch == 5
    assert (staging.path, production.path) == ("/srv/shop", "/opt/shop")


def test_everything_can_be_said() -> None:
    found = load(
        url="https://example.org",
        smoke=[{"path": "/", "status": 200, "text": "hello"}],
        processes={"worker": "python -m worker"},
        hooks={"build": "make dist"},
        required=["DATABASE_URL"],
        shared_paths=["uploads", "data/db.sqlite"],
        include=["dist/"],
        thresholds={"error_ratio": 0.05, "p95": "800ms", "paths": ["/", "/shop"]},
        after="sandbox",
        overlap="drain",
        schema="breaking",
    )
    assert found.smoke == (config.Smoke(path="/", text="hello"),)
    assert found.thresholds.p95 == 0.8 and found.thresholds.failures == 3
    assert found.include == ("dist/",) and found.hooks.build == "make dist"


def test_durations_are_plain_numbers_that_can_be_written_down() -> None:
    found = load(watch=1.5, limits={"start": "2m"})
    written = msgspec.to_builtins(found)
    assert written["watch"] == 1.5 and written["limits"]["start"] == 120
    assert type(found.limits.start) is type(found.limits.drain) is float


def test_the_sandbox_can_be_told_otherwise() -> None:
    settings = config.load(context({"environments": {"sandbox": {"watch": "0s", "keep": 1}}}))
    assert (settings.environment().watch, settings.environment().keep) == (0.0, 1)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"kepp": 3}, r"staging\.kepp is not a known key \(did you mean keep\?\)\.$"),
        ({"name": "x"}, r"staging\.name is not a known key"),
        ({"zzzzzz": 3}, r"staging\.zzzzzz is not a known key\.$"),
        ({"limits": {"conect": 1}}, r"limits\.conect is not a known key \(did you mean connect"),
        ({"smoke": [{"path": "/", "code": 1}]}, r"smoke\[0\]\.code is not a known key"),
        ({"smoke": [{"status": 200}]}, r"smoke\[0\] lacks the key path\.$"),
        ({"keep": "many"}, "keep should be a whole number, not 'many'"),
        ({"keep": 0}, "keep should be at least 1, not 0"),
        ({"watch": "soon"}, "watch should be a duration such as 90s, 15m or 1h30m, not 'soon'"),
        ({"watch": -1}, "watch should be a duration"),
        ({"watch": -1.5}, "watch should be a duration"),
        ({"watch": True}, "watch should be a duration"),
        ({"limits": {"start": 0}}, "limits.start should be more than 0s"),
        ({"limits": 5}, "limits should be a mapping of keys to values, not 5"),
        ({"confirm": "perhaps"}, "confirm should be true or false, not 'perhaps'"),
        ({"python": 3}, "python should be text, not 3"),
        ({"python": "-c"}, "python should be the name or path of a Python"),
        ({"hosts": "a.example"}, "hosts should be a list, not 'a.example'"),
        ({"hosts": ["-oProxyCommand=x"]}, "hosts should be a list of user@host:port"),
        ({"overlap": "both"}, "overlap should be watch or drain, not 'both'"),
        ({"adapter": "docker"}, "adapter should be auto, systemd or process"),
        ({"thresholds": {"nodata": "ok"}}, "thresholds.nodata should be fail or pass"),
        ({"thresholds": {"error_ratio": 5}}, "error_ratio should be a ratio from 0 to 1"),
        ({"thresholds": {"paths": ["x"]}}, "thresholds.paths should be a path that begins with /"),
        ({"smoke": [{"path": "x"}]}, r"smoke\[0\]\.path should be a path that begins with /"),
        ({"smoke": [{"path": "/", "status": 3}]}, "should be a status from 100 to 599, not 3"),
        ({"url": "example.org"}, "url should be a URL that begins with http"),
        ({"path": "srv/app"}, "path should be an absolute path"),
        ({"path": "/srv/../etc"}, "path should be an absolute path"),
        ({"directory": "../x"}, "directory should be a path relative to the repository"),
        ({"include": ["/etc"]}, "include should be a list of paths below the repository"),
        ({"required": ["A B"]}, "required should be a list of variables' names"),
        ({"processes": {"web": "x"}}, "processes should be named .* and not web"),
        ({"processes": {"w": 5}}, "processes should be text"),
        ({"processes": {"w": " "}}, r"processes\.w should be a command in one line"),
        ({"processes": {"w": "x {fd}"}}, r"processes\.w should be one line, without {fd}"),
        ({"hooks": {"build": "x {fd}"}}, r"hooks\.build should be one line, without {fd}"),
        ({"run": "a\nb"}, "run should be a command in one line"),
        ({"hooks": {"build": "a\nb"}}, "hooks.build should be one line"),
        ({"host_header": "a b"}, "host_header should be a host's name"),
        ({"after": "staging"}, r"after should be another environment \(sandbox\), not 'staging'"),
        ({"after": "nowhere"}, "after should be another environment"),
    ],
    ids=str,
)
def test_a_wrong_value_is_one_sentence(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence) as caught:
        load(**said)
    assert caught.value.kind == "config" and "\n" not in str(caught.value)
    assert str(caught.value).startswith("this run: environments.staging.")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"appp": "x"}, "appp is not a known key; there are: app, remote"),
        ({"app": "a'b"}, r"app should be a name \(1 to 40 of letters"),
        ({"app": "-x"}, "app should be a name"),
        ({"app": 5}, "app should be text, not 5"),
        ({"remote": "--upload-pack=x"}, "remote should be a git remote"),
        ({"service": 5}, "service should be a mapping"),
        ({"environments": 5}, "environments should be a mapping"),
        ({"environments": {"staging": 5}}, r"environments\.staging should be a mapping"),
        ({"environments": {"$(x)": {}}}, "environments should be a name"),
        ({"sandbox": {"hosts": 0}}, "sandbox.hosts should be 1 to 20, not 0"),
        ({"sandbox": {"port": 70000}}, "sandbox.port should be a port"),
        ({"sandbox": {"directory": ".."}}, "sandbox.directory should be a directory below"),
        ({"sandbox": {"prot": 1}}, "sandbox.prot is not a known key"),
        (
            {"contacts": {"lead": 5}},
            "contacts should be text or a mapping of keys to values, not",
        ),
    ],
    ids=str,
)
def test_a_wrong_setting_is_one_sentence(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        config.load(context(said))


def test_an_unknown_environment_names_those_that_exist() -> None:
    settings = config.load(context({"environments": {"staging": HOSTED, "empty": None}}))
    with pytest.raises(Refused, match="no environment 'prod'; there are: sandbox, staging"):
        settings.environment("prod")


def test_an_environment_without_hosts_is_refused() -> None:
    settings = config.load(context({"environments": {"staging": {}}}))
    with pytest.raises(Refused, match="Environment staging has no hosts: add them to invoke.yaml"):
        settings.environment("staging")


def test_the_default_environment_is_configured() -> None:
    said = {"default_environment": "staging", "environments": {"staging": HOSTED}}
    assert config.load(context(said)).environment("").name == "staging"


def test_a_long_value_is_shortened() -> None:
    with pytest.raises(Refused, match="…"):
        load(keep="x" * 500)


def test_the_sentence_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = yaml.safe_dump(
        {
            "service": {"keep": "x"},
            "environments": {"a": HOSTED, "b": {**HOSTED, "keep": 1, "smoke": [{"path": ""}]}},
        }
    )
    settings = project(tmp_path, text, monkeypatch)
    with pytest.raises(Refused, match=r"^invoke\.yaml: service\.keep should"):
        settings.environment("a")
    with pytest.raises(Refused, match=r"^invoke\.yaml: environments\.b\.smoke\[0\]\.path should"):
        settings.environment("b")
    with pytest.raises(Refused, match=r"^invoke\.yaml: colour is not a known key"):
        project(tmp_path, "colour: red", monkeypatch)


def test_a_variable_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = project(
        tmp_path,
        "sandbox: {hosts: 2}\nservice: {keep: 7}\nenvironments: {sandbox: {approve: true}}\n",
        monkeypatch,
        INVOKE_SANDBOX_HOSTS="3",
        INVOKE_SERVICE_KEEP="2",
        INVOKE_SERVICE_LIMITS_START="90s",
        INVOKE_SERVICE_THRESHOLDS_ERROR_RATIO="0.5",
        INVOKE_ENVIRONMENTS_SANDBOX_WATCH="1s",
        INVOKE_ENVIRONMENTS_SANDBOX_CONFIRM="true",
        INVOKE_ENVIRONMENTS_SANDBOX_APPROVE="false",
    )
    sandbox = settings.environment()
    assert (settings.sandbox.hosts, sandbox.keep, sandbox.limits.start) == (3, 2, 90)
    assert (sandbox.watch, sandbox.thresholds.error_ratio) == (1, 0.5)
    assert (sandbox.confirm, sandbox.approve) == (True, False)


def test_the_sentence_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = project(
        tmp_path, "", monkeypatch, INVOKE_SERVICE_CONFIRM="no", INVOKE_SERVICE_KEEP="0"
    )
    with pytest.raises(Refused, match=r"^INVOKE_SERVICE_KEEP should be at least 1, not 0"):
        settings.environment()
    monkeypatch.setenv("INVOKE_ENVIRONMENTS_SANDBOX_CONFIRM", "perhaps")
    settings = project(tmp_path, "", monkeypatch, INVOKE_SERVICE_KEEP="1")
    with pytest.raises(Refused, match="INVOKE_ENVIRONMENTS_SANDBOX_CONFIRM should be true or"):
        settings.environment()


def test_the_declared_defaults_are_those_of_the_types() -> None:
    import tasks

    declared = config.load(context(tasks.DEFAULTS))
    typed = config.load(context({}))
    for environments in ({}, {"environments": {"x": HOSTED}}):
        declared = config.load(context({**tasks.DEFAULTS, **environments}))
        typed = config.load(context(environments))
        name = "x" if environments else "sandbox"
        assert declared.environment(name) == typed.environment(name)
    assert msgspec.structs.replace(declared, environments={}, where=str) == msgspec.structs.replace(
        typed, environments={}, where=str
    )
    assert set(tasks.DEFAULTS) == set(config.KEYS)
    fields = set(config.Environment.__struct_fields__)
    assert {*tasks.DEFAULTS["service"], *config.EITHER, "name"} == fields


def test_settings_of_the_person_are_no_concern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".invoke.yaml").write_text("colour: red\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert config.load(Context(Config())).app == "app"


@given(st.text(max_size=60))
def test_no_name_reaches_a_path_or_a_command_line(name: str) -> None:
    if sound.name(name):
        assert len(name) <= 40 and name[0] not in "-." and not set(name) & set(" /'\"$`;&|<>\n\\")
    if sound.relative(name):
        assert not name.startswith("/") and ".." not in name.split("/") and "\n" not in name


def test_settings_made_by_hand_are_checked_alike() -> None:
    settings = config.Settings(environments={"x": {**HOSTED, "keep": 0}})
    with pytest.raises(Refused, match=r"^environments\.x\.keep should be at least 1"):
        settings.environment("x")
