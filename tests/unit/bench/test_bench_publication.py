# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from bench import __main__ as command
from bench import publication, result
from bench.__main__ import main, show

DOCS = Path(__file__).parents[3] / "docs"
FILES = [DOCS / name for name in (publication.PAGE, publication.DATA, publication.CHART)]


def test_the_page_shows_every_metric_and_every_size(document: dict[str, Any]) -> None:
    page = publication.render(document)
    for metric in document["metrics"]:
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{metric['key']}` |")]
        assert publication.times(metric["ratio"]) in row
        assert row.endswith("| met |") is (metric["target"] is not None)
    assert len(re.findall(r"^\| (?:10|100|1000|5000) \| (?:first apply|unchanged) \|", page, re.MULTILINE)) == 8
    assert page.count("not measured") == 2
    assert "All of them are met." in page
    assert publication.COMMAND in page
    assert f"({publication.CHART})" in page
    assert "\n\n\n" not in page


def test_the_page_hides_no_miss(document: dict[str, Any]) -> None:
    document["metrics"][1].update(ratio=6.96, met=False)
    page = publication.render(document)
    assert "Missed: noop_100." in page
    assert "All of them are met." not in page
    (row,) = [line for line in page.splitlines() if line.startswith("| `noop_100` |")]
    assert row.endswith("| 6.9x | 8.0x | 7x | **missed** |")


def test_the_tables_of_the_page_are_tables(document: dict[str, Any]) -> None:
    rows = [line for line in publication.render(document).splitlines() if line.startswith("|")]
    widths = {line.count("|") for line in rows}
    assert widths == {3, 8, 10}


def test_the_three_files_are_made_together(document: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra bench is not installed")
    made = publication.publish(document, tmp_path, Path(sys.executable))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in made)
    assert (tmp_path / publication.CHART).read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / publication.DATA).read_text()) == document
    assert (tmp_path / publication.PAGE).read_text() == publication.render(document)


def test_no_file_is_left_when_the_chart_fails(document: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(Exception, match="returned non-zero"):
        publication.publish(document, tmp_path, Path("/bin/false"))
    assert list(tmp_path.iterdir()) == []


def test_the_command_refuses_a_partial_run(document: dict[str, Any], tmp_path: Path) -> None:
    document["only"] = ["noop_100"]
    source = tmp_path / "bench.json"
    result.write(document, source)
    docs = tmp_path / "docs"
    docs.mkdir()
    done = CliRunner().invoke(main, ["publish", "--result", str(source), "--docs", str(docs)])
    assert isinstance(done.exception, result.PartialError)
    assert list(docs.iterdir()) == []


def test_the_terminal_shows_what_the_page_shows(document: dict[str, Any]) -> None:
    document["metrics"][2].update(ratio=12.5, met=False)
    console = Console(file=io.StringIO(), width=120)
    show(document, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(metric["key"] in shown for metric in document["metrics"])
    (row,) = [line for line in shown.splitlines() if " noop_100_requests " in line]
    assert "MISSED" in row
    assert "12.5" in row
    assert shown.count("MISSED") == 1
    assert shown.count("not measured") == 2


def test_a_run_that_missed_a_target_is_published_and_fails(
    document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document["metrics"][0].update(ratio=1.0, met=False)
    published: list[list[str]] = []
    monkeypatch.setattr(command, "measure", lambda *_: document)
    monkeypatch.setattr(
        command, "publish_result", lambda source, _: published.append(result.missed(result.read(source)))
    )
    done = CliRunner().invoke(main, ["run", "--publish", "--output", str(tmp_path / "bench.json")])
    assert published == [[document["metrics"][0]["key"]]]
    assert done.exit_code == 1
    assert f"missed: {document['metrics'][0]['key']}" in done.output


def test_a_part_of_a_run_cannot_be_published() -> None:
    done = CliRunner().invoke(main, ["run", "--publish", "--only", "noop_100"])
    assert done.exit_code == 2
    assert "leave --only out" in done.output


def test_an_unknown_metric_is_refused_before_anything_is_started() -> None:
    done = CliRunner().invoke(main, ["run", "--only", "noop_100,unheard_of"])
    assert done.exit_code == 2
    assert "unknown: unheard_of" in done.output
    assert "kubectl_noop_100" in done.output


def test_the_published_files_are_three_or_none_and_agree() -> None:
    there = [path.name for path in FILES if path.exists()]
    if not there:
        pytest.skip("no run has been published")
    assert there == [path.name for path in FILES]
    document = result.read(DOCS / publication.DATA)
    result.require_complete(document)
    assert (DOCS / publication.PAGE).read_text(encoding="utf-8") == publication.render(document)
