"""From a packfile to a complete release: unpack, environment, shared paths, build, compile."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from typing import Any, Dict, Iterator, List, Set

from command import Commands
from disk import fingerprint, remove, replace
from service import Service
from standby import target
from wire import Failure, inside

Manifest = Dict[str, Any]


def missing(service: Service, ids: bytes) -> str:
    """A hexadecimal number with a bit for each object id (20 bytes each) behind a leading 1.

    The bit is set where the host lacks the object.
    """
    names = [ids[at : at + 20].hex() for at in range(0, len(ids), 20)]
    if not os.path.isfile(service.host.path("repo.git", "HEAD")):
        lacks = ["1"] * len(names)
    else:
        asked = "".join(name + "\n" for name in names).encode()
        said = service.host.git("cat-file", "--batch-check=%(objecttype)", "--buffer", data=asked)
        lacks = ["1" if line.endswith(b"missing") else "0" for line in said.splitlines()]
    return hex(int("1" + "".join(lacks), 2))


def stage(
    service: Service, manifest: Manifest, upload: str, commands: Commands, limits: Dict[str, Any]
) -> Manifest:
    """Make a release that isn't there complete, or raise Failure with nothing of it left.

    `upload` is a packfile's path, or "". Complete means that `.release.json` is there; it is
    written last.
    """
    host, release = service.host, manifest["release"]
    base = host.release(release)
    manifest = dict(manifest, venv="", interpreter=_interpreter(manifest["python"]))
    service.drafts[release] = manifest
    try:
        if upload and os.path.getsize(upload):
            with open(upload, "rb") as pack:  # streamed: it may be larger than memory
                host.git("index-pack", "--stdin", "--strict", source=pack)
        host.git("update-ref", "refs/releases/" + release, manifest["tree"])
        run = os.path.join(base, "run")
        for folder in (base, run):
            os.mkdir(folder)
        _unpack(service, manifest["tree"], base)
        for folder in (base, run):  # a directory of that name in the tree brought its own mode
            os.chmod(folder, 0o711)
        shared = host.path("shared", ".env")
        text = open(shared, encoding="utf-8").read() if os.path.exists(shared) else ""
        replace(os.path.join(base, ".env"), text, 0o600)
        for path in manifest["shared_paths"]:
            _link_shared(service, base, inside(path))
        manifest["venv"] = _venv(service, manifest, base, commands, limits["stage"])
        if limits["build"]:
            launch = service.command(release, limits["build"])
            commands.run(launch, limits["hook"], "the build hook", "hook")
        _compile(manifest, base)
        replace(os.path.join(base, ".files"), _listing(base), 0o640)
        replace(os.path.join(base, ".release.json"), json.dumps(manifest), 0o640)
    except BaseException as error:
        remove(base)
        with contextlib.suppress(Failure):
            host.git("update-ref", "-d", "refs/releases/" + release)
        failure = Failure.of(error)
        failure.evidence = service.hide(release, failure.evidence)
        raise failure from None
    finally:
        service.drafts.pop(release, None)
    return manifest


def _interpreter(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise Failure("python", "%s is not on this host" % name)
    return found


def _unpack(service: Service, tree: str, base: str) -> None:
    """`git archive` knows export-ignore, modes, links and names; tar carries them."""
    command = service.host.git_command("archive", tree)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stderr is not None
        with contextlib.suppress(tarfile.ReadError):  # an empty stream: git says why below
            with tarfile.open(fileobj=child.stdout, mode="r|") as archive:
                if hasattr(tarfile, "fully_trusted_filter"):
                    archive.extraction_filter = tarfile.fully_trusted_filter
                archive.extractall(base, members=_allowed(archive))
        said = child.stderr.read().decode("utf-8", "replace")
    if child.returncode:
        raise Failure("upload", "the release's tree could not be unpacked", said)


def _allowed(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """What is unpacked: not what would make a release look complete, or take its socket's place."""
    for member in archive:
        name = member.name.rstrip("/")
        if name in (".release.json", ".files") or (name == "run" and not member.isdir()):
            raise Failure("stage", "the release has a file %s, a name that is the host's" % name)
        yield member


def _link_shared(service: Service, base: str, path: str) -> None:
    """Put a link to shared/<path> where the release would have its own.

    A first deploy's content becomes the shared one.
    """
    if path.split("/")[0] in (".env", ".release.json", ".files", "run", ".rotated.json"):
        raise Failure("stage", "%s can't be a shared path" % path)
    kept, place = service.host.path("shared", path), os.path.join(base, path)
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    above = os.path.realpath(os.path.dirname(place))
    if not (above + "/").startswith(os.path.realpath(base) + "/"):
        raise Failure("stage", "%s leads out of the release by a link" % path)
    os.makedirs(above, exist_ok=True)
    if os.path.lexists(place):
        if not os.path.lexists(kept):
            shutil.move(place, kept)
        elif os.path.isdir(place) and not os.path.islink(place):
            remove(place)
        else:
            os.unlink(place)
    if not os.path.lexists(kept):
        os.makedirs(kept)
    os.symlink(os.path.relpath(kept, above), place)


def _venv(service: Service, manifest: Manifest, base: str, commands: Commands, limit: float) -> str:
    """The name of a complete venv for the release's requirements, or "" for none.

    Releases that need the same share one.
    """
    wanted = (
        os.path.join(base, inside(manifest["requirements"])) if manifest["requirements"] else ""
    )
    if not wanted or not os.path.isfile(wanted):
        return ""
    interpreter = manifest["interpreter"]
    said = platform.platform() + interpreter + _version(interpreter)
    needs = b"".join(_needs(wanted, os.path.realpath(base), manifest["tree"], set()))
    key = hashlib.sha256(needs + said.encode()).hexdigest()[:16]
    place = service.host.path("venvs", key)
    if os.path.exists(os.path.join(place, ".complete")):
        return key
    remove(place)
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="")
    # The host's own pip installs into a venv that has none: making pip anew takes half of the time.
    asked = "import pip, sys; sys.exit(int(pip.__version__.split('.')[0]) < 23)"
    has_pip = (
        subprocess.run([interpreter, "-I", "-c", asked], stderr=subprocess.DEVNULL).returncode == 0
    )
    make = [interpreter, "-m", "venv", place] + (["--without-pip"] if has_pip else [])
    python = os.path.join(place, "bin", "python")
    pip = [interpreter, "-m", "pip", "--python", python] if has_pip else [python, "-m", "pip"]
    pip += ["install", "--no-input", "--disable-pip-version-check", "-q", "-r", wanted]
    commands.run((make, base, env), limit, "python -m venv", "venv")
    try:
        commands.run((pip, base, env), limit, "pip install", "venv")
        replace(os.path.join(place, ".complete"), "", 0o444)
    except BaseException:
        remove(place)
        raise
    for folder, _, files in os.walk(place):
        os.chmod(folder, 0o550)
    return key


def _needs(path: str, base: str, tree: str, seen: Set[str]) -> Iterator[bytes]:
    """What decides on a venv's content: the requirements and every file that they name.

    The whole tree where they name a part of it that is to be installed. Raises Failure.
    """
    path = os.path.realpath(path)
    if path in seen:
        return
    seen.add(path)
    try:
        with open(path, "rb") as source:
            text = source.read()
    except OSError as error:
        raise Failure("venv", "%s: %s" % (os.path.relpath(path, base), error.strerror)) from None
    yield text
    named = re.compile(r"^\s*(?:-r|-c|--requirement|--constraint)[\s=]*([^\s#]+)", re.MULTILINE)
    for name in named.findall(text.decode("utf-8", "replace")):
        if "://" not in name:
            for part in _needs(os.path.join(os.path.dirname(path), name), base, tree, seen):
                yield part
    if re.search(rb"^\s*(-e|--editable|\.|/|file:)|@\s*(\.|file:)", text, re.MULTILINE):
        yield tree.encode()


def _version(interpreter: str) -> str:
    if _ours(interpreter):
        return sys.version
    return subprocess.run([interpreter, "-VV"], capture_output=True, text=True).stdout


def _ours(interpreter: str) -> bool:
    """Whether it is the interpreter that runs this: then much can be done without starting it."""
    return os.path.realpath(interpreter) == os.path.realpath(sys.executable)


def _compile(manifest: Manifest, base: str) -> None:
    """Bytecode is made now: a release doesn't change once it is complete."""
    if _ours(manifest["interpreter"]):
        import compileall

        with contextlib.suppress(RecursionError, MemoryError):  # of a file that nobody can import
            compileall.compile_dir(base, quiet=2)
    else:
        subprocess.run(
            [manifest["interpreter"], "-m", "compileall", "-qq", base], stdout=subprocess.DEVNULL
        )


def _listing(base: str) -> str:
    """Every staged file with its fingerprint, for `Service.damage`; not what changes later."""
    lines: List[str] = []
    for folder, folders, files in os.walk(base):
        folders[:] = [
            name
            for name in folders
            if name != "__pycache__" and os.path.join(folder, name) != base + "/run"
        ]
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in files + links:
            path = os.path.relpath(os.path.join(folder, name), base)
            if path != ".env":
                lines.append(
                    "%s %s\n" % (fingerprint(os.path.join(folder, name)), json.dumps(path))
                )
    return "".join(lines)


def discard(service: Service, release: str) -> None:
    """Remove a release that doesn't run."""
    host = service.host
    with contextlib.suppress(OSError):  # first what makes it complete: a cut leaves no half
        os.unlink(host.release(release, ".release.json"))
    remove(host.release(release))
    with contextlib.suppress(Failure):
        host.git("update-ref", "-d", "refs/releases/" + release)


def make_way(service: Service, release: str) -> None:
    """Stop and remove what is left of a release that is to be staged again. Raises Failure."""
    if release == service.host.current():
        raise Failure("stage", "%s is live on this host" % release)
    known = service.host.manifest(release)
    if known is not None:
        with service.claim(release):
            for process in known["processes"]:
                service.keeper.stop(release, process, known["drain"])
    discard(service, release)


def prune(service: Service, keep: int) -> List[str]:
    """Remove releases beyond the newest `keep` closed ones.

    Never the current one, the rollback's target or a running one.
    """
    host, running = service.host, service.running()
    spared = {host.current(), target(host), *running}
    closed = [entry["release"] for entry in host.closed() if host.manifest(entry["release"])]
    older = [name for name in closed if name not in (host.current(), target(host))]
    kept = spared.union(older[-keep:] if keep else [])
    gone = [name for name in host.releases() if name not in kept]
    for name in gone:
        discard(service, name)
    used = {(host.manifest(name) or {}).get("venv") for name in host.releases()}
    for venv in os.listdir(host.path("venvs")):
        if venv not in used:
            remove(host.path("venvs", venv))
    with contextlib.suppress(Failure):
        host.git("gc", "--auto", "-q")
    return gone
