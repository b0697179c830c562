# SPDX-License-Identifier: GPL-3.0-or-later
"""Files on the control host: where they are looked for, vaulted ones, and templates."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from warm_ansible import WarmAnsible

PROBE = "example.probes.reader"
pytestmark = pytest.mark.usefixtures("probes")


@pytest.fixture(params=[True, False], ids=["worker", "process"])
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"miniapp_infra_in_process": request.param}


@pytest.fixture(scope="module")
def password(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("vault") / "password"
    file.write_text("canary-password")
    return file


@pytest.fixture
def vaulted(password: Path, tmp_path: Path) -> Any:
    def encrypt(text: str) -> str:
        file = tmp_path / "plain"
        file.write_text(text)
        command = [str(Path(sys.executable).with_name("ansible-vault")), "encrypt", f"--vault-password-file={password}"]
        subprocess.run([*command, str(file)], check=True, capture_output=True)
        return file.read_text()

    return encrypt


def test_relative_paths_are_those_of_copy(warm_ansible: WarmAnsible, way: dict[str, Any]) -> None:
    """Beside the playbook first, then in files; what is nowhere stays as it is, so that the module can complain."""
    paths = ["beside.yml", "below.yml", "both.yml", "nowhere.yml", "https://example.com/x.yml"]
    done = warm_ansible.play(
        [{PROBE: {"src": paths, "kustomize": "overlay", "helm_template": {"values_files": ["below.yml"]}}}],
        files={
            "beside.yml": "beside",
            "files/below.yml": "below",
            "both.yml": "first",
            "files/both.yml": "second",
            "files/overlay/kustomization.yaml": "",
        },
        vars=way,
    )
    result = done.only()
    assert result["src"]["content"] == ["beside", "below", "first", "missing", "missing"]
    assert result["src"]["paths"][3:] == ["nowhere.yml", "https://example.com/x.yml"]
    assert result["kustomize"] == f"{done.directory}/files/overlay"
    assert result["values_files"]["content"] == ["below"]


def test_a_role_has_its_own_files_and_templates(warm_ansible: WarmAnsible, way: dict[str, Any]) -> None:
    tasks = [{PROBE: {"src": ["x.yml"]}}, {PROBE: {"template": "t.yml.j2"}}]
    done = warm_ansible.play(
        [{"ansible.builtin.include_role": {"name": "demo"}}],
        files={
            "roles/demo/tasks/main.yml": json.dumps(tasks),
            "roles/demo/files/x.yml": "of the role",
            "roles/demo/templates/t.yml.j2": "a: {{ 'of the role' }}",
        },
        vars=way,
    )
    found = [item["result"] for item in done.results if item["task"].endswith("reader")]
    assert found[0]["src"]["content"] == ["of the role"], done.output
    assert found[1]["definition"][0].endswith("\na: of the role"), done.output


def test_vaulted_files_are_readable_for_the_module_alone(
    warm_ansible: WarmAnsible, way: dict[str, Any], vaulted: Any, password: Path
) -> None:
    secret = vaulted("canary: secret")
    done = warm_ansible.play(
        [
            {
                PROBE: {
                    "src": ["secret.yml", "folder"],
                    "kubeconfig": "plain.yml:secret.yml",
                    "helm_template": {"values_files": ["secret.yml"]},
                },
                "register": "out",
            },
            {PROBE: {"src": "{{ out.src.paths + out.kubeconfig.paths[1:] + out['values_files'].paths }}"}},
        ],
        files={
            "files/secret.yml": secret,
            "files/folder/a.yml": secret,
            "files/folder/b.yml": "plain",
            "plain.yml": "plain",
        },
        options=[f"--vault-password-file={password}"],
        vars=way,
    )
    assert done.code == 0, done.output
    result, afterwards = (item["result"] for item in done.results)
    assert result["src"]["content"] == ["canary: secret", {"a.yml": "canary: secret", "b.yml": "plain"}]
    assert result["src"]["modes"][0] == "600"
    assert [Path(path).name for path in result["src"]["paths"]] == ["secret.yml", "folder"]
    assert result["kubeconfig"]["content"] == ["plain", "canary: secret"]
    assert result["values_files"]["content"] == ["canary: secret"]
    assert afterwards["src"]["content"] == ["missing"] * 4


def test_a_vaulted_file_without_its_password_is_named(
    warm_ansible: WarmAnsible, way: dict[str, Any], vaulted: Any
) -> None:
    done = warm_ansible.play([{PROBE: {"src": ["s.yml"]}}], files={"s.yml": vaulted("canary")}, vars=way)
    assert f"{done.directory}/s.yml" in done.only()["msg"]
    assert "vault" in done.only()["msg"].lower()


def test_a_vaulted_file_of_an_asynchronous_task_is_refused(
    warm_ansible: WarmAnsible, vaulted: Any, password: Path
) -> None:
    done = warm_ansible.play(
        [{PROBE: {"src": ["s.yml"]}, "async": 60, "poll": 1}],
        files={"s.yml": vaulted("canary")},
        options=[f"--vault-password-file={password}"],
    )
    assert "s.yml is vaulted, which an asynchronous task cannot use" in done.only()["msg"]


def test_a_kubeconfig_that_is_data_stays_as_it_is(warm_ansible: WarmAnsible, way: dict[str, Any]) -> None:
    done = warm_ansible.play([{PROBE: {"kubeconfig": {"kind": "Config"}}}], vars=way)
    assert done.only()["kubeconfig"] == {"kind": "Config"}


def test_templates_are_rendered_with_the_variables_of_the_task(
    warm_ansible: WarmAnsible, way: dict[str, Any], vaulted: Any, password: Path
) -> None:
    entries = [
        "a.yml.j2",
        {"path": "b.yml.j2", "variable_start_string": "[[", "variable_end_string": "]]", "newline_sequence": "\\r\\n"},
        {"path": "c.yml.j2", "trim_blocks": False, "lstrip_blocks": "yes"},
        "secret.yml.j2",
    ]
    done = warm_ansible.play(
        [{PROBE: {"template": entries}, "loop": ["x", "y"], "vars": {"name": "{{ item }}-{{ 1 + 1 }}"}}],
        files={
            "templates/a.yml.j2": "name: {{ name }}\n{% include 'part.j2' %}\n\nfrom: {{ template_path }}\n",
            "templates/part.j2": "part: {{ item | upper }}",
            "templates/b.yml.j2": "name: [[ name ]]\nhelm: {{ .Values.x }}\n",
            "templates/c.yml.j2": "a:\n  {% if true %}\n  b\n  {% endif %}\n",
            "templates/secret.yml.j2": vaulted("canary: {{ name }}"),
        },
        options=[f"--vault-password-file={password}"],
        vars=way,
    )
    first, second = (item["definition"] for item in done.only()["results"])
    place = f"# Source: {done.directory}/templates"
    assert first[0] == f"{place}/a.yml.j2\nname: x-2\npart: X\nfrom: a.yml.j2\n"
    assert first[1] == f"{place}/b.yml.j2\nname: x-2\r\nhelm: {{{{ .Values.x }}}}\r\n"
    assert first[2] == f"{place}/c.yml.j2\na:\n\n  b\n"
    assert first[3] == f"{place}/secret.yml.j2\ncanary: x-2"
    assert second[0].startswith(f"{place}/a.yml.j2\nname: y-2\npart: Y\n")


def test_a_rendered_template_is_not_rendered_again(warm_ansible: WarmAnsible, way: dict[str, Any]) -> None:
    done = warm_ansible.play(
        [
            {
                PROBE: {"template": "a.j2"},
                "retries": 1,
                "delay": 0,
                "until": "out.definition is string",
                "register": "out",
            }
        ],
        files={"templates/a.j2": "a: {{ '{{' }} name }}\n"},
        vars=way,
    )
    assert done.only()["definition"][0].endswith("\na: {{ name }}\n"), done.output


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("nowhere.j2", "Could not find or access 'nowhere.j2'"),
        ({"newline_sequence": "\n"}, "template: path: must be given"),
        ({"path": "a.j2", "newline_sequence": "x"}, r"newline_sequence: must be \n, \r or \r\n, got 'x'"),
        ({"path": "a.j2", "trim_block": True}, "template: has no option trim_block"),
        ({"path": "a.j2", "trim_blocks": "perhaps"}, "trim_blocks: must be true or false, got 'perhaps'"),
        ({"path": "a.j2", "block_start_string": ""}, "block_start_string: must be a string, got ''"),
        ([7], "must be a path, a dictionary or a list of those, got 7"),
        ("latin.j2", "template: latin.j2: is not UTF-8 text"),
        ("undefined.j2", "'missing' is undefined"),
    ],
)
def test_a_wrong_template_is_named(warm_ansible: WarmAnsible, template: Any, message: str, tmp_path: Path) -> None:
    latin = tmp_path / "latin.j2"
    latin.write_bytes(b"a: \xe9")
    done = warm_ansible.play(
        [{PROBE: {"template": str(latin) if template == "latin.j2" else template}}],
        files={"templates/a.j2": "", "templates/undefined.j2": "{{ missing }}"},
    )
    assert message.replace("latin.j2", str(latin)) in done.only()["msg"]
    assert done.code != 0


def test_a_template_and_another_input_exclude_each_other(warm_ansible: WarmAnsible) -> None:
    done = warm_ansible.play([{PROBE: {"template": "a.j2", "src": ["x"]}}], files={"templates/a.j2": ""})
    assert "parameters are mutually exclusive: template|src" in done.only()["msg"]
