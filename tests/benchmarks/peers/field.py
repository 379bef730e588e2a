"""The hosts that all peers deploy to.

One nginx with a site for each peer, one venv, one operator's way there, which can be made long.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.proxy import Proxy
from tests.system.machine import Machine
from tests.system.site import Site

INSTALLED = ("uvicorn", "click", "h11")  # pure Python: any interpreter's will do
COMMAND = "/srv/venv/bin/python -m uvicorn app:app --no-access-log --uds"
SERVER = """server {{
  listen {port};
  access_log off;
  location / {{
    proxy_pass http://unix:{socket};
    proxy_http_version 1.1;
    proxy_set_header Connection close;
    proxy_set_header Host $host;
  }}
}}
"""
# What a peer restarts; it starts in what `current` points at then.
UNIT = """[Unit]
Description={name}

[Service]
User=deploy
WorkingDirectory=/srv/{name}/current
ExecStart={command} /srv/{name}/shared/app.sock
Restart=always

[Install]
WantedBy=multi-user.target
"""
PREPARE = r"""
set -eu
id deploy >/dev/null 2>&1 || useradd -m -s /bin/bash deploy
install -d -m 700 -o deploy -g deploy /home/deploy/.ssh
install -m 600 -o deploy -g deploy /root/.ssh/authorized_keys /home/deploy/.ssh/authorized_keys
loginctl enable-linger deploy
python3 -m venv --without-pip /srv/venv
"""


class Field:
    """Machines, prepared for peers; `ports` are those of their sites in each nginx, by name.

    directory: for what the operator's ssh has to know.
    """

    def __init__(self, site: Site, directory: Path, ports: dict[str, int]) -> None:
        self.machines: Sequence[Machine] = site.machines
        self.identity, self.directory, self.ports = site.identity, directory, ports
        self.ssh_config, self.known_hosts = directory / "ssh_config", directory / "known_hosts"
        directory.mkdir(parents=True)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._prepare, self.machines))

    def _prepare(self, machine: Machine) -> None:
        machine.run("sh", "-c", PREPARE)
        (packages,) = machine.srv.glob("venv/lib/python*/site-packages")
        for name in INSTALLED:
            found = importlib.util.find_spec(name)
            assert found is not None and found.submodule_search_locations is not None
            source = found.submodule_search_locations[0]
            shutil.copytree(source, packages / name, ignore=shutil.ignore_patterns("__pycache__"))
        machine.run("/srv/venv/bin/python", "-m", "compileall", "-q", "/srv/venv")
        sites = ""
        for name, port in self.ports.items():
            ours = name.startswith("ours")
            place = "current/run" if ours else "shared"
            sites += SERVER.format(port=port, socket=f"/srv/{name}/{place}/app.sock")
            made = ["-m", "711" if ours else "755", "-o", "deploy", "-g", "deploy"]
            machine.run("install", "-d", *made, f"/srv/{name}")
            if not ours:
                machine.run("install", "-d", *made, f"/srv/{name}/releases", f"/srv/{name}/shared")
                unit = UNIT.format(name=name, command=COMMAND)
                machine.run("tee", f"/etc/systemd/system/{name}.service", data=unit)
        machine.run("tee", "/etc/nginx/sites-enabled/default", data=sites)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", "nginx")

    @contextlib.contextmanager
    def reached(self, machines: Sequence[Machine], round_trip: float) -> Iterator[None]:
        """Have ssh reach some machines by their names, with a round trip of so many seconds."""
        with contextlib.ExitStack() as opened:
            config, known = "", ""
            for machine in machines:
                name, address, port = machine.name, machine.address, 22
                if round_trip:
                    proxy = opened.enter_context(Proxy(22, round_trip / 2, address))
                    address, port = "127.0.0.1", proxy.port
                config += f"Host {name}\n  HostName {address}\n  Port {port}\n"
                places = f"{name},[{name}]:{port},{address},[{address}]:{port}"
                known += f"{places} {machine.host_key}\n"
            config += f'Host *\n  IdentityFile "{self.identity}"\n  IdentitiesOnly yes\n'
            config += f'  UserKnownHostsFile "{self.known_hosts}"\n  StrictHostKeyChecking yes\n'
            self.ssh_config.write_text(config)
            self.known_hosts.write_text(known)
            yield

    def url(self, machine: Machine, name: str) -> str:
        """The address of a peer's site on a machine."""
        return f"http://{machine.address}:{self.ports[name]}"

    def version(self, machine: Machine, name: str) -> str:
        """The version that a machine's nginx serves of a peer, "" for none."""
        link = http.client.HTTPConnection(machine.address, self.ports[name], timeout=5)
        try:
            link.request("GET", "/api/version", headers={"Connection": "close"})
            return str(json.loads(link.getresponse().read())["version"])
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return ""
        finally:
            link.close()
