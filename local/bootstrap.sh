#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Creates .venv with the package, its collection and the test tools. Does nothing when its inputs have not changed.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
inputs=(pyproject.toml requirements/constraints.txt local/bootstrap.sh)

python_is_usable() { "$1" -c 'import sys; sys.exit(not ((3, 11) <= sys.version_info[:2] < (3, 14)))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in python3 python3.13 python3.12 python3.11; do
    if python_is_usable "$candidate"; then command -v "$candidate"; return; fi
  done
  return 1
}

install_python() {
  if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    echo "Python 3.11, 3.12 or 3.13 with venv is needed. Install it and run the command again." >&2
    exit 1
  fi
  apt-get update -q >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3 python3-venv ca-certificates >/dev/null
}

stamp=$(cat "${inputs[@]}" | sha256sum | cut -c1-64)
if [ -x "$venv/bin/miniapp" ] && [ "$(cat "$venv/stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

python=$(find_python) || { install_python; python=$(find_python); }
"$python" -m ensurepip --version >/dev/null 2>&1 || install_python
echo "Creating the virtualenv $venv with $("$python" --version) ..."
[ -x "$venv/bin/python" ] || { rm -rf "$venv"; "$python" -m venv "$venv"; }
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c requirements/constraints.txt -e '.[test,lint]'

# An editable install leaves the collection in the checkout; ansible-core looks for it beside its own package.
collections=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ansible_collections/fuze
mkdir -p "$collections"
ln -sfn "$PWD" "$collections/miniapp_infra"
echo "$stamp" >"$venv/stamp"
