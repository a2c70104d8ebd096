"""Talk to the host of the code, GitHub or GitLab: comments, approved digests, the drift issue.

    python3 ci/review.py comment KEY FILE   keep one comment of this pull request up to date
    python3 ci/review.py approved KEY       print the digest in the comment of the merged request
    python3 ci/review.py issue KEY FILE     open the issue KEY, or update the open one
    python3 ci/review.py settle KEY FILE    close it, if it is open

Needs nothing but Python. KEY tells the comments of several definitions in one repository apart.
Only comments and issues of the pipeline's own account are read or changed: what others write
approves nothing.
"""

import json
import os
import re
import sys
import urllib.request
from pathlib import Path

PAGE = 100
DIGEST = re.compile(r"^Digest: `(sha256:[0-9a-f]{64})`$", re.MULTILINE)


class Host:
    """A REST API that answers in JSON, and lists in pages."""

    def __init__(self, base: str, headers: "dict[str, str]") -> None:
        self.base = base
        self.headers = headers

    def call(self, method: str, path: str, body: object = None) -> "object":
        """Send a request and return the answer; an error ends the program, and so the pipeline."""
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", **self.headers},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def all(self, path: str) -> "list[dict]":
        """Return what all pages of a list hold."""
        found, number = [], 1
        while True:
            mark = "&" if "?" in path else "?"
            page = self.call("GET", f"{path}{mark}per_page={PAGE}&page={number}")
            found += page
            if len(page) < PAGE:
                return found
            number += 1


class GitHub(Host):
    """GitHub's pull requests and issues, for the token that Actions gives to each job."""

    me = "github-actions[bot]"

    def __init__(self, env: "dict[str, str]") -> None:
        base = f"{env['GITHUB_API_URL']}/repos/{env['GITHUB_REPOSITORY']}"
        super().__init__(base, {"Authorization": f"Bearer {env['GITHUB_TOKEN']}"})
        self.env = env

    def number(self) -> int:
        """Return the pull request that the pipeline runs for."""
        return json.loads(Path(self.env["GITHUB_EVENT_PATH"]).read_text())["number"]

    def merged(self) -> "int | None":
        """Return the pull request that brought the commit of this pipeline."""
        sha = self.env["GITHUB_SHA"]
        pulls = self.all(f"/commits/{sha}/pulls")
        return next((each["number"] for each in pulls if each["merge_commit_sha"] == sha), None)

    def comments(self, number: int) -> "list[tuple[int, str]]":
        """Return our comments: id and text."""
        found = self.all(f"/issues/{number}/comments")
        return [(each["id"], each["body"]) for each in found if each["user"]["login"] == self.me]

    def write_comment(self, number: int, known: "int | None", text: str) -> None:
        """Write a comment, or write over a known one."""
        if known is None:
            self.call("POST", f"/issues/{number}/comments", {"body": text})
        else:
            self.call("PATCH", f"/issues/comments/{known}", {"body": text})

    def issue(self, key: str) -> "int | None":
        """Return our open issue of that title."""
        found = self.all("/issues?state=open&creator=github-actions%5Bbot%5D")
        ours = [each for each in found if each["user"]["login"] == self.me]
        return next((each["number"] for each in ours if each["title"] == key), None)

    def write_issue(self, known: "int | None", key: str, text: str, state: str = "open") -> None:
        """Open an issue, or write over a known one."""
        if known is None:
            self.call("POST", "/issues", {"title": key, "body": text})
        else:
            self.call("PATCH", f"/issues/{known}", {"body": text, "state": state})


class GitLab(Host):
    """GitLab's merge requests and issues, for a project access token in GITLAB_TOKEN."""

    def __init__(self, env: "dict[str, str]") -> None:
        super().__init__(env["CI_API_V4_URL"], {"PRIVATE-TOKEN": env["GITLAB_TOKEN"]})
        self.env = env
        self.project = f"/projects/{env['CI_PROJECT_ID']}"
        self.me = self.call("GET", "/user")["id"]

    def number(self) -> int:
        """Return the merge request that the pipeline runs for."""
        return int(self.env["CI_MERGE_REQUEST_IID"])

    def merged(self) -> "int | None":
        """Return the merge request that brought the commit of this pipeline."""
        sha = self.env["CI_COMMIT_SHA"]
        found = self.all(f"{self.project}/repository/commits/{sha}/merge_requests")
        return next((each["iid"] for each in found if each["state"] == "merged"), None)

    def comments(self, number: int) -> "list[tuple[int, str]]":
        """Return our comments: id and text."""
        found = self.all(f"{self.project}/merge_requests/{number}/notes")
        return [(each["id"], each["body"]) for each in found if each["author"]["id"] == self.me]

    def write_comment(self, number: int, known: "int | None", text: str) -> None:
        """Write a comment, or write over a known one."""
        notes = f"{self.project}/merge_requests/{number}/notes"
        if known is None:
            self.call("POST", notes, {"body": text})
        else:
            self.call("PUT", f"{notes}/{known}", {"body": text})

    def issue(self, key: str) -> "int | None":
        """Return our open issue of that title."""
        found = self.all(f"{self.project}/issues?state=opened&author_id={self.me}")
        return next((each["iid"] for each in found if each["title"] == key), None)

    def write_issue(self, known: "int | None", key: str, text: str, state: str = "open") -> None:
        """Open an issue, or write over a known one."""
        if known is None:
            self.call("POST", f"{self.project}/issues", {"title": key, "description": text})
        else:
            change = {"description": text}
            if state == "closed":
                change["state_event"] = "close"
            self.call("PUT", f"{self.project}/issues/{known}", change)


def host(env: "dict[str, str]") -> "GitHub | GitLab":
    """Return the host that runs this pipeline."""
    return GitHub(env) if env.get("GITHUB_ACTIONS") == "true" else GitLab(env)


def marker(key: str) -> str:
    """Return the first line of our comment, which a reader does not see."""
    return f"<!-- {key} -->"


def ours(there: "GitHub | GitLab", number: int, key: str) -> "tuple[int | None, str]":
    """Return the comment that bears the key."""
    found = [each for each in there.comments(number) if each[1].startswith(marker(key))]
    return found[-1] if found else (None, "")


def main(command: str, key: str, file: str = "") -> None:
    """Carry out one command."""
    there = host(dict(os.environ))
    if command == "comment":
        path, number = Path(file), there.number()
        text = (
            path.read_text() if path.exists() else "No plan could be made: see the log of this job."
        )
        known, _ = ours(there, number, key)
        there.write_comment(number, known, f"{marker(key)}\n{text}")
    elif command == "approved":
        number = there.merged()
        _, text = ours(there, number, key) if number is not None else (None, "")
        found = DIGEST.search(text.replace("\r\n", "\n"))
        print(found[1] if found else "")
    elif command == "issue":
        there.write_issue(there.issue(key), key, Path(file).read_text())
    elif command == "settle":
        known = there.issue(key)
        if known is not None:
            there.write_issue(known, key, Path(file).read_text(), "closed")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
