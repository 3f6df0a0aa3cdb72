"""Checks a manifest and plans against schema.json, which states docs/descriptor.md for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from webdnn.graph.errors import WebDNNError


class DescriptorError(WebDNNError):
    """A Descriptor does not follow its grammar."""


@cache
def _validator(definition: str) -> Draft202012Validator:
    schema = json.loads(files("webdnn.descriptor").joinpath("schema.json").read_text("utf-8"))
    return Draft202012Validator({**schema, "$ref": f"#/$defs/{definition}"})


def validate_manifest(record: Mapping[str, Any]) -> None:
    """Raises DescriptorError, saying where, when `record` is no Manifest."""
    _validate("manifest", record)


def validate_plan(record: Mapping[str, Any]) -> None:
    """Raises DescriptorError, saying where, when `record` is no Plan."""
    _validate("plan", record)


def _validate(definition: str, record: Mapping[str, Any]) -> None:
    for error in _validator(definition).iter_errors(record):
        raise DescriptorError(f"{definition}.{'.'.join(map(str, error.absolute_path))}: {error.message[:300]}")
