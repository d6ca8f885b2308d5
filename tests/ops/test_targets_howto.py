"""The examples of docs/howto/targets.md are what the server takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec

from vibeworkbench.ops.model import kind_of
from vibeworkbench.ops.targets import from_settings
from vibeworkbench.ops.wire.targets import TargetGiven, target_of
from vibeworkbench.settings import Target, settings_from_toml

PAGE = (Path(__file__).parents[2] / "docs/howto/targets.md").read_text()


def test_the_settings_file_of_the_examples_can_be_read():
    """Put together they are one file, with a target of every kind."""
    text = "\n".join(re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
    targets = from_settings(settings_from_toml(text).ops.targets)
    assert {kind_of(each.target) for each in targets} == {kind.__struct_config__.tag for kind in get_args(Target)}


def test_the_body_of_the_rest_example_can_be_read():
    [body] = re.findall(r"-d '(.*?)'$", PAGE, re.MULTILINE)
    wanted = target_of(msgspec.json.decode(body, type=TargetGiven))
    assert (wanted.name, wanted.slow_after_s) == ("shop", 0.5)


def test_every_kind_has_a_heading():
    """The table at the top leads to them."""
    headings = set(re.findall(r"^## (\w+)$", PAGE, re.MULTILINE))
    assert {kind.__struct_config__.tag for kind in get_args(Target)} <= headings
