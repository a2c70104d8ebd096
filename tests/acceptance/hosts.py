"""Stand-ins for GitHub and GitLab: their REST API, and what runs the jobs of a pipeline."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.acceptance.world import PATIENCE, PROGRAM, World

BOT, TOKEN = "github-actions[bot]", "token-of-the-pipeline"


@dataclass
class Forge:
    """What a host keeps: comments of requests, issues, and which request brought which commit."""

    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    merges: dict[str, int] = field(default_factory=dict)
    url: str = ""

    def comment(self, number: int, body: str, author: str) -> dict[str, Any]:
        """Add a comment of somebody."""
        there = self.comments.setdefault(number, [])
        made = {"id": 100 * number + len(there), "body": body}
        there.append(made | {"user": {"login": author}, "author": {"id": author}})
        return made

    def bodies(self, number: int, author: str = BOT) -> list[str]:
        """Return what somebody's comments say."""
        there = self.comments.get(number, [])
        return [each["body"] for each in there if each["user"]["login"] == author]

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Any:
        """Do what a request asks for; None for one that no host understands."""
        for host in (self._github, self._gitlab):
            if (found := host(method, path, body)) is not None:
                return _page(found, query) if isinstance(found, list) else found
        return None

    def _github(self, method: str, path: str, body: Any) -> Any:
        match method, path.removeprefix("/repos/team/jobs").split("/")[1:]:
            case "GET", ["issues", number, "comments"]:
                return self.comments.get(int(number), [])
            case "POST", ["issues", number, "comments"]:
                return self.comment(int(number), body["body"], BOT)
            case "PATCH", ["issues", "comments", known]:
                return self._rewritten(int(known), body["body"])
            case "GET", ["commits", sha, "pulls"]:
                number = self.merges.get(sha)
                return [{"number": number, "merge_commit_sha": sha}] if number else []
            case "GET", ["issues"]:
                return [each for each in self.issues if each["state"] == "open"]
            case "POST", ["issues"]:
                return self._opened(body["title"], body["body"])
            case "PATCH", ["issues", number]:
                return self._changed(int(number), body["body"], body["state"])
        return None

    def _gitlab(self, method: str, path: str, body: Any) -> Any:
        match method, path.removeprefix("/projects/7").split("/")[1:]:
            case "GET", ["user"]:
                return {"id": BOT}
            case "GET", ["merge_requests", number, "notes"]:
                return self.comments.get(int(number), [])
            case "POST", ["merge_requests", number, "notes"]:
                return self.comment(int(number), body["body"], BOT)
            case "PUT", ["merge_requests", _, "notes", known]:
                return self._rewritten(int(known), body["body"])
            case "GET", ["repository", "commits", sha, "merge_requests"]:
                number = self.merges.get(sha)
                return [{"iid": number, "state": "merged"}] if number else []
            case "GET", ["issues"]:
                return [each for each in self.issues if each["state"] == "open"]
            case "POST", ["issues"]:
                return self._opened(body["title"], body["description"])
            case "PUT", ["issues", number]:
                state = "closed" if body.get("state_event") == "close" else "open"
                return self._changed(int(number), body["description"], state)
        return None

    def _rewritten(self, known: int, body: str) -> dict[str, Any]:
        (found,) = [c for each in self.comments.values() for c in each if c["id"] == known]
        assert found["user"]["login"] == BOT, "nobody else's comment is touched"
        found["body"] = body
        return found

    def _opened(self, title: str, body: str) -> dict[str, Any]:
        number = len(self.issues) + 1
        issue = {"number": number, "iid": number, "title": title, "body": body, "state": "open"}
        self.issues.append(issue | {"user": {"login": BOT}})
        return issue

    def _changed(self, number: int, body: str, state: str) -> dict[str, Any]:
        issue = self.issues[number - 1]
        issue |= {"body": body, "state": state}
        return issue


def _page(found: list[Any], query: Mapping[str, str]) -> list[Any]:
    size, number = int(query.get("per_page", 20)), int(query.get("page", 1))
    return found[size * (number - 1) : size * number]


@contextmanager
def a_forge() -> Iterator[Forge]:
    """Serve a host's API on the loopback interface."""
    forge = Forge()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told = (self.headers["Authorization"], self.headers["PRIVATE-TOKEN"])
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            length = int(self.headers["Content-Length"] or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            known = told in ((f"Bearer {TOKEN}", None), (None, TOKEN))
            answer = forge.answer(self.command, parts.path, query, body) if known else None
            self.send_response(401 if not known else 404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    for verb in ("POST", "PUT", "PATCH"):
        setattr(Handler, f"do_{verb}", Handler.do_GET)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    forge.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)


@dataclass(frozen=True)
class Ran:
    """How a job of a pipeline ended, and what it printed."""

    code: int
    log: str


@dataclass
class Pipelines:
    """Runs the jobs of a recipe in a working folder, as the host would for an event."""

    world: World
    forge: Forge

    def begin(self) -> None:
        """Leave the folder as a checkout finds it, but for what the platform and the state are."""
        git(self.world.folder, "clean", "-qfdX", "-e", "!state", "-e", "!buckets")

    def shell(self, script: str, env: Mapping[str, str]) -> Ran:
        """Run a step's script, as it stands in the recipe."""
        path = f"{PROGRAM.parent}:/usr/local/bin:/usr/bin:/bin"
        kept = self.world.environment({"PATH": path, "no_proxy": "127.0.0.1", **env})
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
            cwd=self.world.folder,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return Ran(done.returncode, done.stdout)


class GitHubActions(Pipelines):
    """Runs the jobs of a workflow whose conditions hold."""

    def run(self, event: str, sha: str, number: int | None = None) -> dict[str, Ran]:
        """Return how each job ended that an event starts."""
        recipe = self.world.folder / ".github/workflows/training-jobs.yml"
        workflow = yaml.safe_load(recipe.read_text())
        self.begin()
        assert event in workflow[True], "a trigger is missing"  # `on` is true in YAML 1.1
        (self.world.folder.parent / "event.json").write_text(json.dumps({"number": number}))
        facts = {
            "github.event_name": event,
            "github.repository": "team/jobs",
            "github.event.pull_request.head.repo.full_name": "team/jobs",
            "github.token": TOKEN,
            "vars.RECONCILER_STATE": "file:state",
            **{f"secrets.OS_{name}": "" for name in ("USERNAME", "PASSWORD", "USER_DOMAIN_NAME")},
        }
        told = {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.forge.url,
            "GITHUB_REPOSITORY": "team/jobs",
            "GITHUB_SHA": sha,
            "GITHUB_EVENT_PATH": str(self.world.folder.parent / "event.json"),
        }
        told |= _filled(workflow["env"], facts)
        jobs = workflow["jobs"].items()
        return {name: self._job(job, told, facts) for name, job in jobs if _holds(job["if"], facts)}

    def _job(self, job: Any, env: Mapping[str, str], facts: Mapping[str, str]) -> Ran:
        code, log = 0, ""
        for step in job["steps"]:
            always = step.get("if") == "${{ !cancelled() }}"
            if "uses" in step or step["name"] == "install" or (code and not always):
                continue
            ran = self.shell(step["run"], {**env, **_filled(step.get("env", {}), facts)})
            code, log = code or ran.code, f"{log}{ran.log}"
        return Ran(code, log)


class GitLabCI(Pipelines):
    """Runs the jobs of a `.gitlab-ci.yml` of which a rule holds."""

    def run(self, event: str, sha: str, number: int | None = None) -> dict[str, Ran]:
        """Return how each job ended that an event starts, by GitHub's word for the event."""
        recipe = yaml.safe_load((self.world.folder / ".gitlab-ci.yml").read_text())
        self.begin()
        sources = {"pull_request": "merge_request_event"}
        told = {
            "CI_API_V4_URL": self.forge.url,
            "CI_PROJECT_ID": "7",
            "CI_COMMIT_SHA": sha,
            "CI_PIPELINE_SOURCE": sources.get(event, event),
            "CI_COMMIT_BRANCH": "" if number else "main",
            "CI_DEFAULT_BRANCH": "main",
            "CI_MERGE_REQUEST_IID": str(number or ""),
            "GITLAB_TOKEN": TOKEN,
        }
        facts = {f"${key}": value for key, value in told.items()}
        jobs = [(name, job) for name, job in recipe.items() if name in recipe["stages"]]
        return {
            name: self.shell("\n".join(job["script"]), told)
            for name, job in jobs
            if any(_holds(rule["if"], facts) for rule in job["rules"])
        }


def _filled(env: Mapping[str, str], facts: Mapping[str, str]) -> dict[str, str]:
    """Return the variables with their expressions resolved; an unknown one is a defect."""
    filled = {
        key: re.sub(r"\$\{\{ (.*?) \}\}", lambda match: facts[match[1]], value)
        for key, value in env.items()
    }
    return {key: value for key, value in filled.items() if value}


def _holds(condition: str, facts: Mapping[str, str]) -> bool:
    """Judge comparisons that are joined by && or ||."""
    return any(
        all(_is_equal(part, facts) for part in alternative.split("&&"))
        for alternative in condition.split("||")
    )


def _is_equal(comparison: str, facts: Mapping[str, str]) -> bool:
    left, right = (part.strip() for part in comparison.split("=="))
    return facts[left] == (facts[right] if right in facts else right.strip("'\""))


def git(folder: Path, *args: str) -> str:
    """Run git as somebody, and return what it prints."""
    who = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com")
    command = ["git", *who, *args]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
