"""Repositories as the Hub keeps them: files in commits, commits on branches."""

import base64
import functools
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LFS_ENDINGS = (".arrow", ".bin", ".gz", ".model", ".npz", ".parquet", ".pt", ".safetensors", ".zip")
LFS_SIZE = 10 * 1024 * 1024
_ATTRIBUTES = "".join(f"*{ending} filter=lfs diff=lfs merge=lfs -text\n" for ending in LFS_ENDINGS).encode()


class Refused(Exception):
    """
    A request that is answered with an error.

    Args:
        status (`int`): The HTTP status.
        message (`str`): For the body and the header `X-Error-Message`.
        code (`str`, *optional*): For the header `X-Error-Code`, by which `huggingface_hub` chooses its exception.
        headers (`Mapping[str, str]`, *optional*): Further headers.
        **more: Further keys of the body.
    """

    def __init__(
        self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None, **more: Any
    ):
        super().__init__(message)
        self.status, self.body = status, {"error": message, **more}
        self.headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {}), **(headers or {})}


@dataclass(frozen=True)
class File:
    """A file's content, and whether git holds it or only a pointer to it."""

    content: bytes
    lfs: bool = False

    @functools.cached_property
    def oid(self) -> str:
        """What the clients compare to see whether a file has changed."""
        if self.lfs:
            return hashlib.sha256(self.content).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.content) + self.content).hexdigest()


@dataclass(frozen=True)
class Commit:
    """The files after a commit, by path; `parent` is the hash of the one before."""

    sha: str
    title: str
    description: str
    files: Mapping[str, File]
    parent: str | None


class Repo:
    """One repository with the branch `main`, on which the Hub puts a `.gitattributes` first."""

    def __init__(self, kind: str, name: str, private: bool):
        self.kind, self.name, self.private = kind, name, private
        self.commits: dict[str, Commit] = {}
        self.branches: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.commit("main", {".gitattributes": File(_ATTRIBUTES)}, "initial commit")

    def commit(self, branch: str, files: Mapping[str, File], title: str, description: str = "") -> Commit:
        parent = self.branches.get(branch)
        oids = sorted((path, file.oid) for path, file in files.items())
        sha = hashlib.sha1(repr((self.kind, self.name, parent, title, description, oids)).encode()).hexdigest()
        self.commits[sha] = Commit(sha, title, description, files, parent)
        self.branches[branch] = sha
        return self.commits[sha]

    def at(self, revision: str) -> Commit:
        """Find a commit by branch, tag or hash."""
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        sha = self.branches.get(name) or self.tags.get(name) or name
        if sha not in self.commits:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[sha]

    def history(self, revision: str) -> list[Commit]:
        """Follow the parents of a commit, newest first."""
        found = [self.at(revision)]
        while found[-1].parent:
            found.append(self.commits[found[-1].parent])
        return found

    def apply(self, branch: str, operations: Iterable[dict], uploads: Mapping[str, bytes]) -> Commit:
        """Make a commit from the operations that a client sends: all of them, or none."""
        if branch not in self.branches:
            raise Refused(404, f"Invalid rev id: {branch}", "RevisionNotFound")
        head = self.at(branch)
        files, header = dict(head.files), {}
        for operation in operations:
            key, value = operation["key"], operation["value"]
            if key == "header":
                header = value
                if header.get("parentCommit") not in (None, head.sha):
                    raise Refused(412, "A commit has happened since. Please refresh and try again.")
            elif key == "file":
                files[value["path"]] = File(base64.b64decode(value["content"]))
            elif key == "lfsFile":
                if value["oid"] not in uploads:
                    raise Refused(400, f"The content of {value['path']} was not uploaded")
                files[value["path"]] = File(uploads[value["oid"]], lfs=True)
            elif key in ("deletedFile", "deletedFolder"):
                folder = value["path"].rstrip("/") + "/"
                gone = {path for path in files if path == value["path"] or path.startswith(folder)}
                if not gone:
                    raise Refused(404, "A file with this name doesn't exist", "EntryNotFound")
                files = {path: file for path, file in files.items() if path not in gone}
            else:
                raise Refused(400, f"Unknown operation {key!r}")
        return self.commit(branch, files, header["summary"], header.get("description", ""))


def upload_mode(path: str, size: int) -> str:
    return "lfs" if path.endswith(LFS_ENDINGS) or size > LFS_SIZE else "regular"


def entry(path: str, file: File) -> dict[str, Any]:
    """Describe a file as listings do."""
    size = len(file.content)
    found: dict[str, Any] = {"type": "file", "path": path, "oid": file.oid, "size": size}
    if file.lfs:
        found["lfs"] = {"oid": file.oid, "size": size, "pointerSize": 130}
    return found


def folder_entry(path: str) -> dict[str, Any]:
    return {"type": "directory", "path": path, "oid": hashlib.sha1(path.encode()).hexdigest(), "size": 0}


def listing(files: Mapping[str, File], folder: str, recursive: bool) -> list[dict[str, Any]]:
    """List what is in a folder of a commit, `""` being the whole."""
    start = folder.strip("/") + "/" if folder.strip("/") else ""
    below = {path: path.removeprefix(start).split("/") for path in files if path.startswith(start)}
    folders = {start + "/".join(parts[:depth]) for parts in below.values() for depth in range(1, len(parts))}
    found = [folder_entry(path) for path in folders] + [entry(path, files[path]) for path in below]
    if not recursive:
        found = [one for one in found if "/" not in one["path"].removeprefix(start)]
    return sorted(found, key=lambda one: one["path"])
