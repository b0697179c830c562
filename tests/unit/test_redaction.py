# SPDX-License-Identifier: GPL-3.0-or-later
"""What is hidden, and what is not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from miniapp_infra.redaction import HIDDEN, fingerprint, is_secret_name, redact

CANARY = "canary-7d1f"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "db_password",
        "dbPassword",
        "HTTPPassword",
        "DB_PASSWORD",
        "passwd",
        "passphrase",
        "client_secret",
        "clientSecret",
        "webhook-secret",
        "secrets",
        "token",
        "registryToken",
        "id_token",
        "apiKey",
        "APIKey",
        "api_key",
        "x-api-key",
        "private_key",
        "aws_secret_access_key",
        "SecretAccessKey",
        "SecretString",
        "signing_key",
        "credentials",
        "Authorization",
        "set-cookie",
        "connectionString",
        "connection_string",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)
    assert redact({name: CANARY}) == {name: HIDDEN}
    assert redact([{"deep": {name: [CANARY]}}]) == [{"deep": {name: HIDDEN}}]


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "keys",
        "public_key",
        "key_id",
        "name",
        "password_file",
        "secretName",
        "token_ttl",
        "tokenizer",
        "passenger",
    ],
)
def test_names_of_what_is_none(name: str) -> None:
    assert not is_secret_name(name)
    assert redact({name: CANARY}) == {name: CANARY}


@pytest.mark.parametrize(
    "text",
    [
        f"postgres://app:{CANARY}@db.example.com/app",
        f"postgres://app:a@b:{CANARY}@db.example.com/app",
        f"redis://:{CANARY}@cache:6379",
        f"https://{CANARY}{CANARY}@git.example.com/x.git",
        f"Authorization: Bearer {CANARY}",
        f"Authorization: Basic {CANARY}",
        f"https://example.com/?user=x&access_token={CANARY}",
        f"https://bucket.example.com/x?X-Amz-Signature={CANARY}&X-Amz-Expires=60",
        f"mysql --password={CANARY} -u root",
        f"password='{CANARY} with spaces'",
        f"AWS_SECRET_ACCESS_KEY={CANARY} terraform apply",
        f'{{"user": "x", "password": "{CANARY}"}}',
        f'{{"password": "a \\" {CANARY}"}}',
        f"-----BEGIN EC PRIVATE {'KEY'}-----\n{CANARY}\n-----END EC PRIVATE {'KEY'}-----",
        f"-----BEGIN PRIVATE {'KEY'}-----\n{CANARY}",
        f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{CANARY}",
    ],
)
def test_forms_of_secrets_in_texts(text: str) -> None:
    shown = redact(text)
    assert CANARY not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "text",
    [
        "invalid token: expired",
        "the secret my-app/database does not exist",
        "https://example.com/?page=2&sort=name#top",
        "postgres://app@db.example.com/app",
        "name=value, password_file=/run/secrets/x",
        '{"name": "x", "key": "y"}',
        "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----",
        "basic auth is not supported",
        "user:password",
    ],
)
def test_texts_without_secrets_stay(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    "form",
    [
        's3cr&t/"ü',
        base64.b64encode('s3cr&t/"ü'.encode()).decode(),
        base64.b64encode('s3cr&t/"ü'.encode()).decode().rstrip("="),
        "s3cr%26t%2F%22%C3%BC",
        json.dumps('s3cr&t/"ü')[1:-1],
    ],
)
def test_known_values_are_hidden_in_every_form(form: str) -> None:
    for shown in (redact(form, ['s3cr&t/"ü']), redact({"x": [f"before {form} after"]}, ['s3cr&t/"ü'])["x"][0]):
        assert form not in shown
        assert HIDDEN in shown


def test_known_values_in_keys_numbers_and_bytes() -> None:
    assert redact({CANARY: 1, "pin": 4711, "raw": CANARY.encode()}, [CANARY, "4711"]) == {
        HIDDEN: 1,
        "pin": HIDDEN,
        "raw": HIDDEN,
    }


def test_the_longer_of_two_known_values_is_hidden_first() -> None:
    assert redact("abc-def", ["abc", "abc-def"]) == HIDDEN


def test_short_values_are_hidden_whole_only() -> None:
    assert redact(["a", "banana", ""], ["a", ""]) == [HIDDEN, "banana", ""]


def test_what_is_empty_a_switch_or_a_reference_is_told() -> None:
    shown: dict[str, Any] = {
        "password": None,
        "token": "",
        "secret": False,
        "credentials": {},
        "imagePullSecrets": [{"name": "registry"}],
        "tokenSecret": {"name": "x", "key": "token"},
    }
    assert redact(shown) == shown
    assert redact({"credentials": {"name": "x", "value": CANARY}}) == {"credentials": HIDDEN}


def test_pairs_of_name_and_value() -> None:
    env = [
        {"name": "DB_PASSWORD", "value": CANARY},
        {"name": "DB_HOST", "value": "db"},
        {"Key": "ApiKey", "Value": CANARY},
    ]
    assert redact(env) == [
        {"name": "DB_PASSWORD", "value": HIDDEN},
        {"name": "DB_HOST", "value": "db"},
        {"Key": "ApiKey", "Value": HIDDEN},
    ]


def test_kubernetes_secrets_keep_the_names_of_their_entries() -> None:
    secret = {"kind": "Secret", "metadata": {"name": "x"}, "data": {"tls.crt": CANARY}, "stringData": {"a": CANARY}}
    assert redact(secret) == {
        "kind": "Secret",
        "metadata": {"name": "x"},
        "data": {"tls.crt": HIDDEN},
        "stringData": {"a": HIDDEN},
    }
    assert redact({"kind": "ConfigMap", "data": {"a": "b"}}) == {"kind": "ConfigMap", "data": {"a": "b"}}


def test_the_value_itself_is_not_changed() -> None:
    value = {"password": CANARY, "list": [f"token={CANARY}"]}
    copy = json.loads(json.dumps(value))
    redact(value, [CANARY])
    assert value == copy


def test_a_fingerprint_tells_secrets_apart_and_not_what_they_are() -> None:
    assert fingerprint("a") == fingerprint(b"a") != fingerprint("b")
    assert fingerprint("a").startswith("sha256:")
    assert len(fingerprint("a")) == len("sha256:") + 16
