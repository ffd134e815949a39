"""What the Hub answers about repositories, request by request."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

import yaml

from tests.hub_repos import Refused, Repo, entry, folder_entry, listing, upload_mode

NOW = "2026-01-01T00:00:00.000Z"
_ANONYMOUS = "Invalid username or password."
_FRONT_MATTER = re.compile(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", re.DOTALL)


@dataclass
class Ask:
    """A request: `parts` is what the route names in the path, `user` is `None` without a token."""

    parts: dict[str, str]
    query: dict[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    user: str | None
    may_write: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def url(self) -> str:
        """Where this Hub is, as the client sees it."""
        return f"http://{self.headers['Host']}"

    @property
    def kind(self) -> str:
        return (self.parts.get("kind") or "models").removesuffix("s")


@dataclass
class Answer:
    """An answer that says yes: bytes as they are, anything else as JSON."""

    body: Any = b""
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 200


class State:
    """
    What a Hub knows: repositories, uploads, collections, and who its users are.

    Args:
        tokens (`Mapping[str, tuple[str, str]]`): By token, its user and `"read"` or `"write"`.
    """

    def __init__(self, tokens: Mapping[str, tuple[str, str]]):
        self.tokens = dict(tokens)
        self.repos: dict[tuple[str, str], Repo] = {}
        self.uploads: dict[str, bytes] = {}
        self.collections: dict[str, dict[str, Any]] = {}
        self._ids = 0

    def serve(self, call: str, query: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Carry out one request, said as `"METHOD /path"`."""
        for pattern, function in _ROUTES:
            if found := pattern.fullmatch(call):
                parts = {name: unquote(part or "") for name, part in found.groupdict().items()}
                user, role = self._who(headers)
                return function(self, Ask(parts, parse_qs(query), headers, body, user, role == "write"))
        raise Refused(404, f"This Hub does not know {call}")

    def _who(self, headers: Mapping[str, str]) -> tuple[str | None, str | None]:
        said = headers.get("Authorization")
        if said is None:
            return None, None
        known = self.tokens.get(said.removeprefix("Bearer "))
        if known is None:
            # By this message `huggingface_hub` tells a wrong token from a repository that is hidden.
            raise Refused(401, "Invalid credentials in Authorization header")
        return known

    def read(self, ask: Ask) -> Repo:
        """Find a request's repository, which to a stranger looks the same hidden or absent."""
        repo = self.repos.get((ask.kind, ask.parts["name"]))
        if repo is None or (repo.private and ask.user != _owner(repo.name)):
            if ask.user is None:
                # The client would see by the URL that a 401 is about a repository, if this one began with https.
                raise Refused(401, _ANONYMOUS, "RepoNotFound")
            raise Refused(404, "Repository not found", "RepoNotFound")
        return repo

    def write(self, ask: Ask) -> Repo:
        """Find a request's repository for one who may change it."""
        repo = self.read(ask)
        if ask.user is None:
            raise Refused(401, _ANONYMOUS, "RepoNotFound")
        if not ask.may_write:
            raise Refused(403, "Forbidden: you must use a write token to upload to a repository.")
        if ask.user != _owner(repo.name):
            raise Refused(403, "Forbidden: pass `create_pr=1` as a query parameter to create a Pull Request")
        return repo

    def own(self, ask: Ask, namespace: str, what: str) -> None:
        """Refuse a request to make or change what is not its user's."""
        if ask.user is None:
            raise Refused(401, _ANONYMOUS)
        if not ask.may_write or ask.user != namespace:
            raise Refused(403, f'You don\'t have the rights to create a {what} under the namespace "{namespace}"')

    def new_id(self) -> str:
        self._ids += 1
        return f"{self._ids:024x}"


def _owner(name: str) -> str:
    return name.split("/")[0]


_ROUTES: list[tuple[re.Pattern, Callable[[State, Ask], Answer]]] = []
_NAMES = {
    "KIND": "(?P<kind>models|datasets|spaces)",
    "PREFIX": "(?:(?P<kind>datasets|spaces)/)?",
    "NAME": "(?P<name>[^/]+(?:/[^/]+)?)",
    "REVISION": "(?P<revision>[^/]+)",
    "COLLECTION": "(?P<slug>[^/]+/[^/]+-(?P<id>[0-9a-f]{24}))",
    "ITEM": "(?P<item>[0-9a-f]{24})",
}


def route(pattern: str) -> Callable:
    """Mark the function that answers a call: `"METHOD /path"`, with the names of `_NAMES` in it."""
    compiled = re.compile(re.sub("|".join(_NAMES), lambda found: _NAMES[found[0]], pattern))

    def mark(function: Callable[[State, Ask], Answer]) -> Callable[[State, Ask], Answer]:
        _ROUTES.append((compiled, function))
        return function

    return mark


@route("GET /api/whoami-v2")
def _whoami(state: State, ask: Ask) -> Answer:
    if ask.user is None:
        raise Refused(401, _ANONYMOUS)
    token = {"displayName": "token", "role": "write" if ask.may_write else "read"}
    auth = {"type": "access_token", "accessToken": token}
    return Answer({"type": "user", "id": "0", "name": ask.user, "fullname": ask.user, "orgs": [], "auth": auth})


def _wanted(ask: Ask) -> tuple[str, str]:
    asked = ask.json
    return asked.get("type") or "model", f"{asked.get('organization') or ask.user}/{asked['name']}"


@route("POST /api/repos/create")
def _create(state: State, ask: Ask) -> Answer:
    kind, name = _wanted(ask)
    state.own(ask, _owner(name), kind)
    url = f"{ask.url}/{'' if kind == 'model' else kind + 's/'}{name}"
    if (kind, name) in state.repos:
        raise Refused(409, f"You already created this {kind} repo: {name}", url=url, name=name)
    state.repos[kind, name] = Repo(kind, name, ask.json.get("visibility") == "private")
    return Answer({"url": url, "name": name, "id": name})


@route("DELETE /api/repos/delete")
def _delete(state: State, ask: Ask) -> Answer:
    kind, name = _wanted(ask)
    ask.parts = {"kind": f"{kind}s", "name": name}
    state.write(ask)
    del state.repos[kind, name]
    return Answer()


@route("POST /api/repos/move")
def _move(state: State, ask: Ask) -> Answer:
    asked = ask.json
    ask.parts = {"kind": f"{asked['type']}s", "name": asked["fromRepo"]}
    repo = state.write(ask)
    state.own(ask, _owner(asked["toRepo"]), ask.kind)
    if (ask.kind, asked["toRepo"]) in state.repos:
        raise Refused(409, f"{asked['toRepo']} exists")
    del state.repos[ask.kind, repo.name]
    repo.name = asked["toRepo"]
    state.repos[ask.kind, repo.name] = repo
    return Answer()


@route("PUT /api/KIND/NAME/settings")
def _settings(state: State, ask: Ask) -> Answer:
    state.write(ask).private = ask.json["visibility"] == "private"
    return Answer({})


@route("GET /api/KIND/NAME(?:/revision/REVISION)?")
def _info(state: State, ask: Ask) -> Answer:
    repo = state.read(ask)
    commit = repo.at(ask.parts["revision"] or "main")
    card = commit.files.get("README.md")
    try:
        metadata = _metadata(card.content.decode()) if card else {}
    except ValueError:
        metadata = {}
    siblings = []
    for path, file in sorted(commit.files.items()):
        told = entry(path, file)
        more = {"size": told["size"], "blobId": told["oid"]}
        if file.lfs:
            more["lfs"] = {"sha256": file.oid, "size": told["size"], "pointerSize": 130}
        siblings.append({"rfilename": path, **(more if "blobs" in ask.query else {})})
    found = {
        "id": repo.name,
        "author": _owner(repo.name),
        "sha": commit.sha,
        "private": repo.private,
        "gated": False,
        "disabled": False,
        "createdAt": NOW,
        "lastModified": NOW,
        "downloads": 0,
        "likes": 0,
        "tags": metadata.get("tags") or [],
        "cardData": metadata,
        "siblings": siblings,
    }
    if repo.kind == "model":
        found |= {name: metadata[name] for name in ("library_name", "pipeline_tag") if name in metadata}
    return Answer(found)


@route("GET /api/KIND/NAME/tree/REVISION(?:/(?P<folder>.*))?")
def _tree(state: State, ask: Ask) -> Answer:
    commit = state.read(ask).at(ask.parts["revision"])
    found = listing(commit.files, ask.parts["folder"], ask.query.get("recursive", [""])[0].lower() in ("true", "1"))
    if ask.parts["folder"] and not found:
        raise Refused(404, f"{ask.parts['folder']} does not exist", "EntryNotFound")
    return Answer(found)


@route("POST /api/KIND/NAME/paths-info/REVISION")
def _paths_info(state: State, ask: Ask) -> Answer:
    files = state.read(ask).at(ask.parts["revision"]).files
    json_sent = "json" in ask.headers.get("Content-Type", "")
    paths = ask.json["paths"] if json_sent else parse_qs(ask.body.decode()).get("paths", [])
    found = [entry(path, files[path]) for path in paths if path in files]
    return Answer(found + [folder_entry(path) for path in paths if listing(files, path, False) and path not in files])


@route("GET /api/KIND/NAME/refs")
def _refs(state: State, ask: Ask) -> Answer:
    repo = state.read(ask)
    listed = {
        there: [{"name": name, "ref": f"refs/{place}/{name}", "targetCommit": sha} for name, sha in refs.items()]
        for there, place, refs in (("branches", "heads", repo.branches), ("tags", "tags", repo.tags))
    }
    return Answer({**listed, "converts": []})


@route("GET /api/KIND/NAME/commits/REVISION")
def _commits(state: State, ask: Ask) -> Answer:
    repo = state.read(ask)
    authors = [{"user": _owner(repo.name)}]
    return Answer(
        [
            {"id": one.sha, "title": one.title, "message": one.description, "date": NOW, "authors": authors}
            for one in repo.history(ask.parts["revision"])
        ]
    )


@route("POST /api/KIND/NAME/branch/REVISION")
def _branch(state: State, ask: Ask) -> Answer:
    repo, name = state.write(ask), ask.parts["revision"]
    if name in repo.branches:
        raise Refused(409, "Reference already exists")
    asked = ask.json if ask.body else {}
    repo.branches[name] = repo.at(asked.get("startingPoint") or "main").sha
    return Answer({})


@route("POST /api/KIND/NAME/tag/REVISION")
def _tag(state: State, ask: Ask) -> Answer:
    repo, name = state.write(ask), ask.json["tag"]
    if name in repo.tags:
        raise Refused(409, "Tag reference exists already")
    repo.tags[name] = repo.at(ask.parts["revision"]).sha
    return Answer({})


@route("POST /api/KIND/NAME/preupload/REVISION")
def _preupload(state: State, ask: Ask) -> Answer:
    there = state.write(ask).at(ask.parts["revision"]).files
    return Answer(
        {
            "files": [
                {
                    "path": file["path"],
                    "uploadMode": upload_mode(file["path"], file["size"]),
                    "shouldIgnore": False,
                    **({"oid": there[file["path"]].oid} if file["path"] in there else {}),
                }
                for file in ask.json["files"]
            ]
        }
    )


@route(r"POST /PREFIXNAME\.git/info/lfs/objects/batch")
def _lfs_batch(state: State, ask: Ask) -> Answer:
    state.write(ask)
    wanted = [{"oid": one["oid"], "size": one["size"]} for one in ask.json["objects"]]
    for one in wanted:
        if one["oid"] not in state.uploads:
            one["actions"] = {
                "upload": {"href": f"{ask.url}/lfs/{one['oid']}"},
                "verify": {"href": f"{ask.url}/lfs/verify"},
            }
    return Answer({"transfer": "basic", "objects": wanted})


@route("PUT /lfs/(?P<oid>[0-9a-f]{64})")
def _lfs_put(state: State, ask: Ask) -> Answer:
    # No token comes with it: on the Hub the address is one that a storage service has signed.
    if hashlib.sha256(ask.body).hexdigest() != ask.parts["oid"]:
        raise Refused(400, "The content has another hash")
    state.uploads[ask.parts["oid"]] = ask.body
    return Answer()


@route("POST /lfs/verify")
def _lfs_verify(state: State, ask: Ask) -> Answer:
    if len(state.uploads.get(ask.json["oid"], b"")) != ask.json["size"]:
        raise Refused(404, "The content was not uploaded")
    return Answer({})


@route("POST /api/KIND/NAME/commit/REVISION")
def _commit(state: State, ask: Ask) -> Answer:
    repo = state.write(ask)
    if "create_pr" in ask.query:
        raise Refused(400, "This Hub has no pull requests")
    operations = [json.loads(line) for line in ask.body.splitlines() if line.strip()]
    commit = repo.apply(ask.parts["revision"], operations, state.uploads)
    url = f"{ask.url}/{'' if repo.kind == 'model' else repo.kind + 's/'}{repo.name}/commit/{commit.sha}"
    return Answer({"success": True, "commitOid": commit.sha, "commitUrl": url, "hookOutput": ""})


def _metadata(card: str) -> dict[str, Any]:
    """Read the YAML block at the top of a card."""
    found = _FRONT_MATTER.match(card)
    try:
        metadata = yaml.safe_load(found[1]) if found else None
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    if metadata is not None and not isinstance(metadata, dict):
        raise ValueError(f"a mapping was expected, and not {type(metadata).__name__}")
    return metadata or {}


@route("POST /api/validate-yaml")
def _validate_yaml(state: State, ask: Ask) -> Answer:
    try:
        empty = not _metadata(ask.json["content"])
    except ValueError as error:
        return Answer({"errors": [{"message": str(error)}], "warnings": []}, status=400)
    warnings = [{"message": "empty or missing yaml metadata in repo card"}] if empty else []
    return Answer({"errors": [], "warnings": warnings})


@route("(?:GET|HEAD) /PREFIXNAME/resolve/REVISION/(?P<path>.+)")
def _resolve(state: State, ask: Ask) -> Answer:
    commit = state.read(ask).at(ask.parts["revision"])
    headers = {"X-Repo-Commit": commit.sha}
    file = commit.files.get(ask.parts["path"])
    if file is None:
        raise Refused(404, "Entry not found", "EntryNotFound", headers)
    size = len(file.content)
    headers |= {"ETag": f'"{file.oid}"', "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if file.lfs:
        headers |= {"X-Linked-Etag": f'"{file.oid}"', "X-Linked-Size": str(size)}
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", ask.headers.get("Range", ""))
    if not asked:
        return Answer(file.content, headers)
    first, last = asked.groups()
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        raise Refused(416, "Range not satisfiable", headers={"Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return Answer(file.content[start : end + 1], headers, 206)
