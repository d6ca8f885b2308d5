"""Code health of real git repositories, with real tools."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ops.staging import FULL, staged
from tests.patience import PATIENCE_S
from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.workspace import CHECKS
from vibeworkbench.ops.collectors.programs import plain_environment, ran
from vibeworkbench.ops.collectors.workspace import WorkspaceCollector
from vibeworkbench.ops.model import LookState, Scope, Severity, Snapshot
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.settings import OpsSettings, WorkspaceTarget

BIN = Path(sys.executable).parent


class Repository:
    """A git repository with a committed start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q")

    def git(self, *arguments: str) -> None:
        """The git command has run."""
        identity = ("-c", "user.name=Ada", "-c", "user.email=ada@test", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True)

    def write(self, name: str, text: str, *, tracked: bool = True) -> Path:
        """The file has this text and, unless told otherwise, is tracked."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if tracked:
            self.git("add", "-f", name)
        return path

    def commit(self) -> None:
        """All that is tracked is committed."""
        self.git("commit", "-qam", "more", "--allow-empty")

    def tool(self, name: str, script: str, place: str = ".venv/bin") -> Path:
        """A tool of the workspace's own, as a shell script."""
        path = self.write(f"{place}/{name}", f"#!/bin/sh\n{script}\n", tracked=False)
        path.chmod(0o755)
        return path

    def install(self, name: str) -> None:
        """The real tool of this test's environment stands where the workspace keeps its tools."""
        self.tool(name, f'exec "{BIN / name}" "$@"')


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty repository, on a machine without any tool but git."""
    for variable in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(variable)
    path = tmp_path / "path"
    path.mkdir()
    for program in ("git", "sh", "nice", "sleep", "cat", "kill"):
        (path / program).symlink_to(shutil.which(program))
    monkeypatch.setenv("PATH", str(path))
    return Repository(tmp_path / "tree")


@pytest.fixture
def look(repository, order_for):
    """Looks at the repository with some tools."""

    async def looked(*tools, timeout_s=60.0, path=None, **facts):
        target = WorkspaceTarget(
            name="web", path=str(path or repository.folder), tools=tools or ("markers",), timeout_s=timeout_s
        )
        return await WorkspaceCollector().look(order_for(target, **facts))

    return looked


def judged(seen, active=frozenset()):
    """The findings about a look."""
    snapshot = Snapshot(Scope.full, seen.observations[0].observed_at, (seen,))
    return [one for check in CHECKS for one in check.judge(snapshot, CheckContext(OpsSettings(), active))]


def state_of(seen, tool):
    """A tool's state and reason."""
    (one,) = [one for one in seen.observations if one.metric == "workspace.tool" and one.attributes["tool"] == tool]
    return one.value, one.attributes["reason"]


async def test_markers_of_tracked_files_are_found_worst_first(repository, look):
    repository.write("src/a.py", "x = 1  # TODO: tidy\n# FIXME broken\n")
    repository.write("b.ts", "// HACK later")
    repository.write("untracked.py", "# FIXME nobody tracks it", tracked=False)
    seen = await look()
    assert (seen.state, seen.records) == (LookState.ok, 2)
    findings = judged(seen)
    assert [one.title for one in findings] == [
        "FIXME in src/a.py:2: broken",
        "HACK in b.ts:1: later",
        "TODO in src/a.py:1: tidy",
    ]
    assert findings[0].subject == "workspace:web:markers:src/a.py"
    assert findings[0].evidence == {
        "workspace": "web",
        "file": "src/a.py",
        "line": 2,
        "word": "FIXME",
        "text": "broken",
    }
    assert all(seen.covers(one.subject) for one in findings)


async def test_a_marker_that_moves_stays_the_same_trouble_and_one_that_goes_is_gone(repository, look):
    repository.write("a.py", "# TODO: one\n# TODO: two\n")
    one, two = judged(await look())
    repository.write("a.py", "\n\n# TODO: two\n")
    seen = await look()
    (left,) = judged(seen)
    assert left.fingerprint == two.fingerprint != one.fingerprint
    assert left.title == "TODO in a.py:3: two"
    assert seen.covers(one.subject)
    repository.git("rm", "-qf", "a.py")
    seen = await look()
    assert judged(seen) == []
    assert seen.covers(one.subject)


async def test_an_incremental_look_skips_what_stands_where_it_stood(repository, look):
    """The cursor follows commits, the index, and every edit of a tracked file, also the second one."""
    repository.write("a.py", "# TODO: one\n")
    repository.commit()
    first = await look(scope=Scope.incremental)
    assert (first.state, first.records) == (LookState.ok, 1)

    async def again(before):
        return await look(scope=Scope.incremental, cursors=before.cursors)

    same = await again(first)
    assert (same.state, same.records, same.observations, same.cursors) == (LookState.skipped, 0, (), {})
    assert not same.covers("workspace:web:markers:a.py"), "what was not looked at resolves nothing"
    (repository.folder / "a.py").write_text("# TODO: two\n")
    edited = await again(first)
    assert edited.records == 1
    (repository.folder / "a.py").write_text("# TODO: three!\n")
    edited_again = await again(edited)
    assert edited_again.records == 1
    assert (await again(edited_again)).records == 0
    repository.commit()
    committed = await again(edited_again)
    assert committed.records == 1
    full = await look(cursors=committed.cursors)
    assert full.records == 1, "a full look looks at everything"


async def test_the_look_writes_nothing_into_the_tree(repository, look):
    repository.write("a.py", "import os\nx: int = ''\n")
    repository.write("pyproject.toml", "[tool.ruff]\nfix = true\n")
    repository.install("ruff")
    repository.install("mypy")
    repository.commit()
    before = {path: path.stat().st_mtime_ns for path in repository.folder.rglob("*")}
    seen = await look("markers", "ruff", "mypy")
    assert seen.state is LookState.ok
    assert {path: path.stat().st_mtime_ns for path in repository.folder.rglob("*")} == before


async def test_a_repository_without_any_commit_is_looked_at(repository, look):
    repository.write("a.py", "# TODO: one\n")
    assert len(judged(await look())) == 1


async def test_ruff_of_the_workspace_is_asked_and_its_problems_are_grouped(repository, look):
    repository.install("ruff")
    repository.write("ruff.toml", 'lint.select = ["F"]')
    repository.write("src/a.py", "import os\nimport sys\nprint(undefined)\n")
    repository.write("untracked.py", "import os\n", tracked=False)
    seen = await look("ruff")
    findings = judged(seen)
    assert [one.title for one in findings] == [
        "ruff F821 in src/a.py:3: Undefined name `undefined`",
        "ruff F401 in src/a.py:1: `os` imported but unused (and 1 more in this file)",
    ]
    assert findings[1].evidence["first"][1]["line"] == 2
    repository.write("src/a.py", "print(1)\n")
    seen = await look("ruff")
    assert judged(seen) == []
    assert all(seen.covers(one.subject) for one in findings)


async def test_mypy_of_the_workspace_is_asked(repository, look):
    repository.install("mypy")
    repository.write("a.py", "x: int = ''\n")
    (finding,) = judged(await look("mypy"))
    assert finding.title.startswith("mypy assignment in a.py:1: Incompatible types")


async def test_mypy_checks_what_its_settings_name(repository, look):
    repository.install("mypy")
    repository.write("a.py", "x: int = ''\n")
    repository.write("b.py", "x: int = ''\n")
    repository.write("mypy.ini", "[mypy]\nfiles = b.py\n")
    (finding,) = judged(await look("mypy"))
    assert finding.evidence["file"] == "b.py"


async def test_a_tool_that_gives_up_half_way_reports_and_resolves_nothing(repository, look):
    """Mypy stops at the first file that does not parse; types elsewhere are unknown then."""
    repository.install("mypy")
    repository.write("a.py", "def f(:\n")
    seen = await look("markers", "mypy")
    assert seen.state is LookState.partial
    assert seen.reason == "web: mypy gave up at code that it cannot read"
    assert not seen.covers("workspace:web:mypy:a.py")
    assert seen.covers("workspace:web:markers:a.py")
    assert {one.check for one in judged(seen)} == {"workspace.problem", "workspace.tool-failed"}
    again = await look("markers", "mypy", scope=Scope.incremental, cursors=seen.cursors)
    assert again.records == 1, "the next incremental look tries again"


async def test_eslint_is_asked_where_it_is_configured(repository, look):
    path = repository.folder / "src/a.js"
    messages = [
        {"ruleId": "no-undef", "severity": 2, "message": "'x' is not defined.", "line": 3, "column": 1},
        {"ruleId": None, "fatal": True, "severity": 2, "message": "Parsing error", "line": 1},
        {"ruleId": "semi", "severity": 1, "message": "Missing semicolon."},
    ]
    answer = json.dumps([{"filePath": str(path), "messages": messages, "source": "x"}])
    repository.tool("eslint", f"cat <<'END'\n{answer}\nEND\nexit 1", "node_modules/.bin")
    repository.write("src/a.js", "x")
    assert state_of(await look("eslint"), "eslint") == ("nothing to do", "")
    repository.write("eslint.config.mjs", "export default []")
    assert [(one.severity.name, one.title) for one in judged(await look("eslint"))] == [
        ("medium", "eslint parse in src/a.js:1: Parsing error"),
        ("low", "eslint no-undef in src/a.js:3: 'x' is not defined."),
        ("info", "eslint semi in src/a.js: Missing semicolon."),
    ]


async def test_the_typescript_compiler_is_asked_where_there_is_a_project(repository, look):
    said = (
        "src/a.ts(12,5): error TS2322: Type 'string' is wrong.\n  Because it is.\nsrc/a.ts(2,1): error TS2322: Again."
    )
    repository.tool("tsc", f'echo "$@" > "$TMPDIR/said"\ncat <<\'END\'\n{said}\nEND\nexit 2', "node_modules/.bin")
    repository.write("tsconfig.json", "{}")
    repository.write("src/a.ts", "let a: number = ''")
    (finding,) = judged(await look("tsc"))
    assert finding.title == "tsc TS2322 in src/a.ts:2: Again. (and 1 more in this file)"
    repository.tool(
        "tsc", "echo 'error TS18003: No inputs were found in config file /home/x/y.json.'; exit 2", "node_modules/.bin"
    )
    seen = await look("tsc")
    assert state_of(seen, "tsc") == (
        "incomplete",
        "could not read the project: TS18003: No inputs were found in config file …/y.json.",
    )


@pytest.mark.parametrize(
    "said",
    [
        "echo 'shop 1.0 has requirement till>=2, but you have till 1.0.'; exit 1",
        "echo 'The package `shop` requires `till>=2`, but `1.0` is installed' >&2; exit 1",
    ],
)
async def test_broken_requirements_of_the_workspaces_environment_are_found(repository, look, said):
    """By pip where the environment has it, else by uv."""
    repository.tool("python", said)
    if "has requirement" in said:
        repository.write(".venv/lib/python3.11/site-packages/pip/__main__.py", "", tracked=False)
    else:
        repository.tool("uv", said)
    seen = await look("pip-check")
    (finding,) = judged(seen)
    assert finding.subject == "workspace:web:pip-check:shop"
    assert "till>=2" in finding.title


async def test_pip_check_runs_for_real(repository, look):
    repository.tool("python", f'exec "{sys.executable}" "$@"')
    repository.write(".venv/lib/python3.11/site-packages/pip/__main__.py", "", tracked=False)
    seen = await look("pip-check")
    assert state_of(seen, "pip-check") == ("ok", "")


async def test_a_tool_that_is_not_installed_is_an_observation_and_no_finding(repository, look):
    repository.write("a.py", "x: int = ''\n")
    seen = await look("ruff", "mypy")
    assert seen.state is LookState.ok
    assert {state_of(seen, "ruff"), state_of(seen, "mypy")} == {("not installed", "")}
    assert judged(seen) == []
    assert not seen.covers("workspace:web:ruff:a.py"), "nobody has looked"


async def test_a_tool_that_vanishes_is_missed_and_its_issues_are_nobodys(repository, look):
    """One low word instead of problems that stay open for ever; all is as before when the tool is back."""
    repository.install("ruff")
    repository.write("a.py", "import os\n")
    repository.commit()
    before = await look("ruff", "markers")
    [found] = judged(before)
    assert (found.check, before.why_retired(found.subject)) == ("workspace.problem", "")
    (repository.folder / ".venv/bin/ruff").unlink()
    gone = await look("ruff", "markers", cursors=before.cursors)
    assert (gone.state, state_of(gone, "ruff")) == (LookState.ok, ("no longer installed", ""))
    [missed] = judged(gone)
    assert (missed.check, missed.severity, missed.subject) == (
        "workspace.tool-gone",
        Severity.info,
        "workspace:web:ruff",
    )
    assert missed.title == "ruff is no longer installed in web; its problems are not looked for"
    assert gone.why_retired(found.subject) == "ruff is not installed any more"
    assert not gone.covers(missed.subject), "that it is gone holds until it is back"
    later = await look("ruff", "markers", cursors=gone.cursors)
    assert [one.fingerprint for one in judged(later)] == [missed.fingerprint]
    repository.install("ruff")
    back = await look("ruff", "markers", cursors=later.cursors)
    assert [one.fingerprint for one in judged(back)] == [found.fingerprint]
    assert back.covers(missed.subject)
    assert back.why_retired(found.subject) == ""


async def test_a_tool_is_remembered_also_while_another_one_fails(repository, look):
    repository.install("ruff")
    repository.tool("mypy", "exit 3")
    repository.write("a.py", "x = 1\n")
    before = await look("ruff", "mypy", scope=Scope.incremental)
    assert before.state is LookState.partial
    (repository.folder / ".venv/bin/ruff").unlink()
    after = await look("ruff", "mypy", scope=Scope.incremental, cursors=before.cursors)
    assert state_of(after, "ruff")[0] == "no longer installed", "and it was looked again, because not all was seen"


async def test_issues_of_a_tool_that_was_taken_off_the_list_are_nobodys(repository, look):
    repository.write("a.py", "x = 1  # TODO: tidy\n")
    seen = await look("markers")
    for subject in ("workspace:web:ruff", "workspace:web:ruff:a.py"):
        assert seen.why_retired(subject) == "ruff is not among the workspace's tools any more"
    assert seen.why_retired("workspace:web:markers:a.py") == ""
    assert seen.why_retired("workspace:web2:ruff:a.py") == ""
    again = await look("markers", scope=Scope.incremental, cursors=seen.cursors)
    assert again.why_retired("workspace:web:ruff") == "", "it stands where it stood, so nobody looked"


async def test_scans_resolve_what_a_vanished_or_unlisted_tool_found(repository, tmp_path):
    """The whole way: the issue says why it is resolved, and there is one about the tool that vanished."""
    repository.install("ruff")
    repository.write("a.py", "import os\n")
    repository.commit()
    database = tmp_path / "state.db"

    async def scanned(*tools):
        target = WorkspaceTarget(name="web", path=str(repository.folder), tools=tools)
        async with staged(
            database, WorkspaceCollector(), checks=CHECKS, settings=OpsSettings(targets=(target,))
        ) as one:
            await one.ops.scan(FULL)
            rows = (await one.ops.issues(IssueQuery())).items
            return {row.check: (row.state, row.resolution) for row in rows}

    assert await scanned("ruff") == {"workspace.problem": ("open", None)}
    (repository.folder / ".venv/bin/ruff").unlink()
    assert await scanned("ruff") == {
        "workspace.problem": ("resolved", "ruff is not installed any more"),
        "workspace.tool-gone": ("open", None),
    }
    assert await scanned("ruff") == await scanned("ruff"), "it stays so"
    unlisted = "ruff is not among the workspace's tools any more"
    assert (await scanned("markers"))["workspace.tool-gone"] == ("resolved", unlisted)


async def test_a_tool_that_crashes_resolves_nothing_and_says_no_path(repository, look, tmp_path):
    repository.tool("ruff", f"echo 'cannot read {repository.folder}/a.py of /home/ada/x/y.toml' >&2; exit 2")
    repository.write("a.py", "x = 1  # TODO: tidy\n")
    seen = await look("markers", "ruff")
    assert seen.state is LookState.partial
    assert state_of(seen, "ruff") == ("failed", "ended with code 2: cannot read a.py of …/y.toml")
    assert not seen.covers("workspace:web:ruff:a.py")
    (finding,) = [one for one in judged(seen) if one.check == "workspace.tool-failed"]
    assert finding.title == "ruff in web ended with code 2: cannot read a.py of …/y.toml"
    assert str(tmp_path) not in repr(seen)


async def test_a_tool_that_answers_nonsense_or_is_killed_has_failed(repository, look):
    repository.write("a.py", "x = 1\n")
    repository.tool("ruff", "echo nonsense")
    assert state_of(await look("ruff"), "ruff") == ("failed", "ended with code 0: nonsense")
    repository.tool("ruff", "kill -9 $$")
    assert state_of(await look("ruff"), "ruff") == ("failed", "was killed by signal 9")


async def test_a_tool_that_hangs_is_ended_with_all_that_it_started(repository, look, tmp_path):
    """The child holds the write end of a pipe: its end of file is the proof that the child is gone."""
    os.mkfifo(tmp_path / "alive")
    watched = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    repository.tool("ruff", f"(echo up; exec sleep 1000) > '{tmp_path / 'alive'}' &\nexec sleep 1000")
    repository.write("a.py", "x = 1\n")
    try:
        seen = await look("ruff", timeout_s=3.0)
        assert state_of(seen, "ruff") == ("timed out", "did not finish within 3 s")
        assert (seen.state, seen.covered) == (LookState.partial, frozenset({"workspace:web"}))
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        said = bytearray()

        def readable():
            piece = os.read(watched, 64)
            said.extend(piece)
            if not piece:
                over.set()

        loop.add_reader(watched, readable)
        await asyncio.wait_for(over.wait(), PATIENCE_S)
        loop.remove_reader(watched)
        assert said == b"up\n"
    finally:
        os.close(watched)


async def test_a_cancelled_look_ends_its_tools(repository, look, tmp_path):
    os.mkfifo(tmp_path / "alive")
    watched = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    repository.tool("ruff", f"exec > '{tmp_path / 'alive'}'; echo up; exec sleep 1000")
    repository.write("a.py", "x = 1\n")
    loop, up, over = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    loop.add_reader(watched, lambda: up.set() if os.read(watched, 64) else up.is_set() and over.set())
    task = asyncio.create_task(look("ruff"))
    await asyncio.wait_for(up.wait(), PATIENCE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(over.wait(), PATIENCE_S)
    loop.remove_reader(watched)
    os.close(watched)


async def test_tools_that_the_deadline_leaves_out_are_said(repository, look):
    repository.tool("ruff", "exec sleep 1000")
    repository.write("a.py", "x = 1\n")
    seen = await look("markers", "ruff", "mypy", deadline_s=4.0)
    assert state_of(seen, "markers") == ("ok", "")
    assert state_of(seen, "ruff")[0] == "timed out"
    assert state_of(seen, "mypy") == ("timed out", "was not reached before the scan's time ran out")


async def test_tools_see_none_of_this_servers_secrets(repository, look, monkeypatch):
    monkeypatch.setenv("VIBEWORKBENCH_TOKEN", "s3cret")
    repository.tool("ruff", 'echo "token=$VIBEWORKBENCH_TOKEN" >&2; exit 2')
    repository.write("a.py", "x = 1\n")
    assert state_of(await look("ruff"), "ruff") == ("failed", "ended with code 2: token=")


async def test_what_is_no_work_tree_is_said(repository, look, tmp_path):
    (tmp_path / "plain").mkdir()
    seen = await look(path=tmp_path / "plain")
    assert (seen.state, seen.reason) == (LookState.failed, "web is not a git work tree")
    (finding,) = judged(seen)
    assert finding.title == "Workspace web is not a git work tree"
    gone = await look(path=tmp_path / "gone")
    assert gone.reason == "web cannot be looked at: its folder does not exist or is closed to this server"
    bare = await look(path=repository.folder / ".git")
    assert bare.reason == "web is not a git work tree"


async def test_without_git_the_look_fails_and_says_why(repository, look, monkeypatch):
    monkeypatch.setenv("PATH", "")
    seen = await look()
    assert (seen.state, seen.reason) == (LookState.failed, "web cannot be looked at: git is not installed")


@pytest.mark.parametrize(
    ("script", "timeout_s", "reason"),
    [
        (
            "echo 'fatal: detected dubious ownership in repository' >&2; exit 128",
            30.0,
            "belongs to another user: git refuses it until it is listed in safe.directory",
        ),
        ("exec sleep 1000", 0.2, "cannot be looked at: git did not answer within 0.2 s"),
        (
            'case "$*" in *status*) exec sleep 1000;; *) echo true;; esac',
            2.0,
            "cannot be looked at: git status did not end within 2 s",
        ),
        (
            'case "$*" in *status*) exit 3;; *) echo true;; esac',
            30.0,
            "cannot be looked at: git status ended with code 3",
        ),
    ],
)
async def test_a_git_that_refuses_hangs_or_fails_is_said(repository, look, tmp_path, script, timeout_s, reason):
    git = tmp_path / "path/git"
    git.unlink()
    git.write_text(f"#!/bin/sh\n{script}\n")
    git.chmod(0o755)
    seen = await look(timeout_s=timeout_s)
    assert (seen.state, seen.reason) == (LookState.failed, f"web {reason}")


async def test_one_workspace_that_cannot_be_read_takes_nothing_from_another(repository, order_for, tmp_path):
    repository.write("a.py", "# TODO: one\n")
    targets = (
        WorkspaceTarget(name="good", path=str(repository.folder), tools=("markers",)),
        WorkspaceTarget(name="gone", path=str(tmp_path / "gone"), tools=("markers",)),
    )
    steps = []
    seen = await WorkspaceCollector().look(order_for(*targets, progress=lambda *step: steps.append(step)))
    assert seen.state is LookState.partial
    assert seen.covers("workspace:good:markers:a.py")
    assert not seen.covers("workspace:gone:markers:a.py")
    assert set(seen.cursors) == {"workspace:good"}
    assert steps == [(1, 2)]


async def test_a_workspace_may_be_a_folder_of_a_repository(repository, look):
    repository.write("web/a.py", "# TODO: inside\n")
    repository.write("else/b.py", "# TODO: outside\n")
    (finding,) = judged(await look(path=repository.folder / "web"))
    assert finding.subject == "workspace:web:markers:a.py"


async def test_names_that_are_no_utf_8_are_shown_all_the_same(repository, look):
    name = os.fsdecode(b"b\xffd.py")
    repository.write(name, "# TODO: one\n")
    (finding,) = judged(await look())
    assert finding.subject == "workspace:web:markers:b\ufffdd.py"


async def test_a_program_that_writes_without_end_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr("vibeworkbench.ops.collectors.programs._BOUNDED", 'ulimit -f 8; exec "$@"')
    done = await ran(("yes",), folder=tmp_path, environment=plain_environment({}), timeout_s=30)
    assert done.code != 0
    assert 0 < len(done.output) <= 16 * 1024
