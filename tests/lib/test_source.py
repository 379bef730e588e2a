"""resolve() finds the version that was asked for, or says in one sentence why it can't."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.lib import source
from tasks.lib.errors import Refused
from tests.lib.scratch import Scratch


@pytest.fixture(autouse=True)
def _own_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repo(tmp_path: Path) -> Scratch:
    scratch = Scratch.new(tmp_path / "my project")
    scratch.commit({"a.txt": "a\n"}, "First\nhalf\n\nBody")
    return scratch


def refusal(root: Path, version: str = "") -> Refused:
    with pytest.raises(Refused) as caught:
        source.resolve(root, version)
    assert caught.value.code == 2
    assert "\n" not in str(caught.value)
    return caught.value


def test_head_without_a_tag_goes_by_its_branch(repo: Scratch) -> None:
    assert source.resolve(repo.path) == source.Source(
        version="main",
        commit=repo.head(),
        tree=repo.git("rev-parse", "HEAD^{tree}"),
        tagged=False,
        dirty=(),
        subject="First half",
    )


def test_detached_head_goes_by_its_commit(repo: Scratch) -> None:
    repo.git("checkout", "--quiet", "--detach")
    found = source.resolve(repo.path)
    assert (found.version, found.tagged) == (repo.head()[:7], False)


def test_head_goes_by_the_newest_tag_it_carries(repo: Scratch) -> None:
    repo.git("tag", "v0.9", "HEAD")
    repo.commit({"a.txt": "b\n"})
    for tag in ("v1.9.0", "v1.10.0rc1", "nightly"):
        repo.git("tag", tag)
    repo.git("tag", "--annotate", "v1.10.0", "--message", "Ten")
    for asked in ("", "HEAD"):
        found = source.resolve(repo.path, asked)
        assert (found.version, found.tagged, found.commit) == ("v1.10.0", True, repo.head())


@pytest.mark.parametrize(
    ("tags", "best"),
    [
        pytest.param(["v1.9", "v1.10"], "v1.10", id="numbers-not-letters"),
        pytest.param(["v2.0.0rc1", "v1.0.0", "v2.0.0"], "v2.0.0", id="before-a-release"),
        pytest.param(["nightly", "v0.1"], "v0.1", id="no-version"),
        pytest.param(["api/v1.2", "api/v1.11"], "api/v1.11", id="prefix"),
        pytest.param(["release-2024.1", "release-2024.12"], "release-2024.12", id="words"),
        pytest.param(["b", "a"], "b", id="names-only"),
        pytest.param([], "", id="none"),
    ],
)
def test_newest(tags: list[str], best: str) -> None:
    assert source.newest(tags) == source.newest(reversed(tags)) == best


@pytest.mark.parametrize("kind", ["lightweight", "annotated"])
def test_a_tag_is_found_by_name(repo: Scratch, kind: str) -> None:
    commit = repo.head()
    repo.git("tag", "v1.0.0", *(["--annotate", "-m", "One"] if kind == "annotated" else []))
    repo.commit({"a.txt": "b\n"})
    found = source.resolve(repo.path, "v1.0.0")
    assert (found.version, found.commit, found.tagged) == ("v1.0.0", commit, True)


def test_a_branch_is_found_by_name_here_or_on_the_remote(repo: Scratch, tmp_path: Path) -> None:
    repo.git("branch", "feature/x-y")
    clone = Scratch.clone(repo, tmp_path / "clone")
    for root, name in [
        (repo.path, "feature/x-y"),
        (clone.path, "feature/x-y"),
        (clone.path, "origin/feature/x-y"),
    ]:
        found = source.resolve(root, name)
        assert (found.version, found.commit, found.tagged) == (name, repo.head(), False)


def test_a_branch_of_two_remotes_must_be_named_with_its_remote(repo: Scratch) -> None:
    other = repo.commit({"a.txt": "b\n"})
    repo.git("update-ref", "refs/remotes/one/topic", other)
    repo.git("update-ref", "refs/remotes/two/topic", "HEAD^")
    assert "one/topic, two/topic" in str(refusal(repo.path, "topic"))
    assert source.resolve(repo.path, "one/topic").commit == other


def test_a_commit_is_found_whole_or_abbreviated(repo: Scratch) -> None:
    commit = repo.head()
    repo.commit({"a.txt": "b\n"})
    for asked in (commit, commit[:7], commit[:10].upper()):
        found = source.resolve(repo.path, asked)
        assert (found.version, found.commit, found.tagged) == (commit[:7], commit, False)


def test_a_tag_wins_over_a_branch_and_a_name_over_a_commit(repo: Scratch) -> None:
    first = repo.head()
    repo.git("tag", "both")
    second = repo.commit({"a.txt": "b\n"})
    repo.git("branch", "both")
    repo.git("branch", first[:7])
    assert source.resolve(repo.path, "both").commit == first
    assert source.resolve(repo.path, first[:7]).commit == second


def test_a_name_that_is_not_there_is_refused_with_what_is_near(repo: Scratch) -> None:
    repo.git("tag", "v1.2.3")
    error = refusal(repo.path, "v1.2.4")
    assert error.kind == "version"
    assert "near: v1.2.3" in str(error) and "`git fetch --tags`" in str(error)
    assert "near" not in str(refusal(repo.path, "zzzz"))


def test_a_tag_of_something_else_than_a_commit_is_refused(repo: Scratch) -> None:
    repo.git("tag", "blob", repo.git("rev-parse", "HEAD:a.txt"))
    assert "not on a commit" in str(refusal(repo.path, "blob"))
    assert refusal(repo.path, repo.git("rev-parse", "HEAD^{tree}")).kind == "version"


def test_no_commit_yet(tmp_path: Path) -> None:
    error = refusal(Scratch.new(tmp_path / "unborn").path)
    assert error.kind == "version" and "no commit yet" in str(error)


def test_not_a_repository_or_not_even_a_directory(tmp_path: Path) -> None:
    assert "not in a git repository" in str(refusal(tmp_path))
    assert refusal(tmp_path / "nowhere").kind == "git"


def test_git_is_not_installed(
    repo: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "git is not installed" in str(refusal(repo.path))


def test_sha256_names_are_refused(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path)
    scratch.git("init", "--quiet", "--object-format=sha256")
    scratch.commit({"a": "a"})
    assert "SHA-256" in str(refusal(tmp_path))


def test_a_dirty_tree_is_told(repo: Scratch) -> None:
    repo.commit({"gone.txt": "x", "staged.txt": "x", ".gitignore": "*.log\n"})
    repo.write(
        {"ünïcode name.txt": "new", "a.txt": "changed\n", "x.log": "ignored", "staged.txt": "y"}
    )
    repo.git("add", "staged.txt")
    (repo.path / "gone.txt").unlink()
    (repo.path / "line\nbreak").touch()
    before = repo.fingerprint()
    told = source.resolve(repo.path).dirty
    assert set(told) == {
        "a.txt",
        "gone.txt",
        "staged.txt",
        "ünïcode name.txt",
        "line\N{REPLACEMENT CHARACTER}break",
    }
    assert repo.fingerprint() == before


def test_a_bare_repository_has_nothing_dirty(repo: Scratch, tmp_path: Path) -> None:
    bare = Scratch.clone(repo, tmp_path / "bare.git", "--bare")
    assert source.resolve(bare.path, "main").dirty == ()


def test_from_a_subdirectory_and_under_a_hook(
    repo: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.commit({"deep/er/x": "x"})
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    assert source.resolve(repo.path / "deep" / "er").version == "main"


def test_a_shallow_clone_says_how_to_get_the_rest(repo: Scratch, tmp_path: Path) -> None:
    first = repo.head()
    repo.git("tag", "v1")
    second = repo.commit({"a.txt": "b\n"})
    clone = Scratch.clone(repo, tmp_path / "shallow", "--depth=1")
    assert source.resolve(clone.path).commit == second
    for asked in ("v1", first, first[:8]):
        assert "git fetch --unshallow --tags" in str(refusal(clone.path, asked))


def test_a_commit_that_a_partial_clone_lacks_is_not_asked_for(
    repo: Scratch, tmp_path: Path
) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    clone = Scratch.clone(repo, tmp_path / "partial", "--filter=blob:none", "--no-checkout")
    assert source.resolve(clone.path).commit == repo.head()


@pytest.mark.parametrize(
    "version",
    [
        "$(touch x)",
        "`touch x`",
        "-x",
        "--output=x",
        "--upload-pack=touch x",
        "a;b c",
        "main\nHEAD",
        "main\0",
        "HEAD~1",
        "HEAD^{tree}",
        "main@{0}",
        ":/First",
        "../HEAD",
        ".git",
        "a..b",
        "\ud800",
        "x" * 100_000,
        "*",
        "@",
    ],
)
def test_hostile_names_are_refused(repo: Scratch, version: str) -> None:
    before = repo.fingerprint()
    assert len(str(refusal(repo.path, version))) < 500
    assert repo.fingerprint() == before
    assert {place.name for place in repo.path.iterdir()} == {".git", "a.txt"}


def test_a_name_that_looks_like_shell_is_carried_as_data(repo: Scratch) -> None:
    for name in ("$(id)", "a;b", "a'b", 'a"b', "a&b", "a|b", "ünï", "a%b", "$HOME"):
        repo.git("tag", name)
        found = source.resolve(repo.path, name)
        assert (found.version, found.commit, found.tagged) == (name, repo.head(), True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    root = tmp_path_factory.mktemp("shared")
    scratch = Scratch.new(root / "repo")
    scratch.commit({"a.txt": "a\n"})
    yield scratch
    shutil.rmtree(root)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    version=st.one_of(
        st.text(min_size=1, max_size=40),
        st.text(alphabet="-$(){}`;&|<>'\"\\ \n\t~^:?*[]@./ab0", min_size=1, max_size=40),
    )
)
def test_no_name_does_anything_but_name(shared: Scratch, version: str) -> None:
    before = shared.fingerprint(), sorted(shared.path.iterdir())
    try:
        found = source.resolve(shared.path, version)
    except Refused as error:
        assert "\n" not in str(error)
        assert str(error).isprintable()
    else:
        assert found.commit == shared.head()
    assert (shared.fingerprint(), sorted(shared.path.iterdir())) == before


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=st.text(min_size=1, max_size=30))
def test_whatever_git_takes_for_a_tag_is_found(shared: Scratch, name: str) -> None:
    try:
        made = subprocess.run(
            ["git", "-C", str(shared.path), "update-ref", f"refs/tags/{name}", "HEAD"],
            capture_output=True,
        )
    except (ValueError, UnicodeEncodeError):
        return
    if made.returncode or name.startswith("-") or name == "HEAD" or not name.isprintable():
        return
    try:
        assert source.resolve(shared.path, name).tagged
    finally:
        shared.git("update-ref", "-d", f"refs/tags/{name}")
