"""Dashboards that are published again for others: nobody reads what was made for somebody above."""

from __future__ import annotations

import json
from typing import Any

import httpx
import nbformat

from tests.security.staging import Stage

PAGE = "vibeworkbench/dashboards/{}"


def notebook(source: str) -> str:
    """The file of a notebook with this one cell."""
    cell = nbformat.v4.new_code_cell(source)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return str(nbformat.writes(nbformat.v4.new_notebook(cells=[cell], metadata={"kernelspec": kernel})))


def published(client: httpx.Client, name: str, source: str, **asked: Any) -> httpx.Response:
    """The answer to publishing a notebook with this cell."""
    body = {"notebook": f"{name}.ipynb", "content": notebook(source), "name": name, **asked}
    return client.post("vibeworkbench/api/dashboards", json=body)


def test_a_page_that_was_made_for_admins_is_not_served_to_viewers(stage: Stage) -> None:
    """Published for viewers from now on, its name has no page until there is one that was made for them."""
    with stage.http() as admin, stage.http("viewer") as viewer:
        assert published(admin, "lowered", "print('for admins alone')", role="admin").json()["state"] == "ready"
        assert viewer.get(PAGE.format("lowered")).status_code == 403
        assert published(admin, "lowered", "1 / 0", role="viewer").json()["state"] == "failed"
        answer = viewer.get(PAGE.format("lowered"))
    assert answer.status_code == 503, answer.text
    assert "for admins alone" not in answer.text


def test_a_page_is_served_until_the_new_one_is_good_where_its_readers_stay_the_same(stage: Stage) -> None:
    """Also for a role above: who may see the new one was among the old one's readers."""
    with stage.http() as admin:
        published(admin, "raised", "print('the first page')", role="viewer")
        for role in ("viewer", "analyst"):
            assert published(admin, "raised", "1 / 0", role=role).json()["state"] == "failed"
            assert "the first page" in admin.get(PAGE.format("raised")).text


def test_an_operator_takes_no_admins_dashboard(stage: Stage) -> None:
    """Neither by publishing under its name nor by ending it."""
    with stage.http() as admin, stage.http("operator") as operator:
        published(admin, "of-admins", "print('for admins alone')", role="admin")
        assert published(operator, "of-admins", "print('mine')", role="viewer").status_code == 403
        assert operator.delete("vibeworkbench/api/dashboards/of-admins").status_code == 403
        assert "for admins alone" in admin.get(PAGE.format("of-admins")).text
        assert json.loads(admin.get("vibeworkbench/api/dashboards/of-admins").text)["role"] == "admin"
