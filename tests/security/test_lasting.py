"""Rights that would outlast what they were given for, and logins that somebody else would end."""

from __future__ import annotations

import json
import re

import pytest

from tests.security.browsing import Form, login, person, replayed
from tests.security.staging import Stage, publish, write_notebook

STATUS = "vibeworkbench/api/status"
MINTING = """
import json, os, urllib.request, http.cookiejar, urllib.parse, re
url, token = os.environ["VIBEWORKBENCH_URL"], os.environ["VIBEWORKBENCH_TOKEN"]
jar = http.cookiejar.CookieJar()
opened = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
opened.open(f"{url}vibeworkbench/dashboards?token={token}").read()
page = opened.open(f"{url}login").read().decode()
found = re.search('name="_xsrf" value="([^"]+)"', page)
form = {"_xsrf": found[1] if found else "", "token": token}
try:
    opened.open(f"{url}login", urllib.parse.urlencode(form).encode()).read()
except urllib.error.HTTPError as refused:
    print("refused with", refused.code)
print("cookies:", json.dumps({each.name: each.value for each in jar}), "end")
"""


def test_a_kernel_makes_no_session_of_the_token_that_it_was_lent(stage: Stage) -> None:
    """Neither by an address nor at the login page: what it was lent ends with it."""
    write_notebook(stage.root / "minting.ipynb", MINTING)
    with stage.http() as admin:
        publish(admin, ("minting", {}))
        page = admin.get("vibeworkbench/dashboards/minting").text
    said = re.search("cookies: (.*) end", page)
    assert said is not None, page
    cookies = json.loads(said[1].replace("&quot;", '"').replace("&#34;", '"'))
    assert replayed(stage.server, cookies).status_code == 401
    assert "refused with 403" in page


@pytest.mark.parametrize(
    "sent",
    [
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    ],
)
def test_nobody_is_logged_out_by_a_foreign_link_or_a_picture(stage: Stage, sent: dict[str, str]) -> None:
    """Lax cookies come along with links, and a notebook's output may hold any picture: who logs out is asked first."""
    person(stage.server, "lea", "viewer")
    with login(stage.server, "lea") as client:
        page = client.get("logout", headers=sent)
        assert client.get(STATUS).status_code == 200
        assert "Set-Cookie" not in page.headers or "vibeworkbench" not in page.headers["Set-Cookie"]
        assert client.post("logout").status_code == 403
        assert client.post("logout", data=Form(page.text).hidden).status_code == 200
        assert client.get(STATUS).status_code == 401
