"""What the Hub answers about collections, request by request."""

import re
from collections.abc import Mapping
from typing import Any

from tests.hub_api import NOW, Answer, Ask, State, route
from tests.hub_repos import Refused


def _collection(state: State, ask: Ask, change: bool = False) -> dict[str, Any]:
    found = state.collections.get(ask.parts["id"])
    if found is None or (found["private"] and ask.user != found["owner"]):
        raise Refused(404 if ask.user else 401, "Collection not found")
    if change:
        state.own(ask, found["owner"], "collection")
    return found


def _describe(collection: dict[str, Any], asked: Mapping[str, Any]) -> None:
    if not 0 < len(asked.get("title", "x")) <= 60:
        raise Refused(400, "title: 1 to 60 characters")
    if len(asked.get("description") or "") > 150:
        raise Refused(400, "description: at most 150 characters")
    collection |= {name: asked[name] for name in ("title", "description", "private", "theme") if name in asked}
    words = re.sub("[^a-z0-9]+", "-", collection["title"].lower()).strip("-")
    collection["slug"] = f"{collection['owner']}/{words}-{collection['_id']}"


def _note(asked: Mapping[str, Any]) -> dict[str, Any]:
    if len(asked.get("note") or "") > 500:
        raise Refused(400, "note: at most 500 characters")
    return {"note": {"text": asked["note"], "html": asked["note"]}} if asked.get("note") else {}


@route("POST /api/collections")
def _create_collection(state: State, ask: Ask) -> Answer:
    asked = ask.json
    state.own(ask, asked["namespace"], "collection")
    for other in state.collections.values():
        if (other["owner"], other["title"]) == (asked["namespace"], asked["title"]):
            raise Refused(409, "This collection exists already", slug=other["slug"])
    made = {"_id": state.new_id(), "owner": asked["namespace"], "items": [], "private": False, "theme": "orange"}
    made |= {"position": 0, "upvotes": 0, "lastUpdated": NOW}
    _describe(made, asked)
    state.collections[made["_id"]] = made
    return Answer(made)


@route("GET /api/collections/COLLECTION")
def _get_collection(state: State, ask: Ask) -> Answer:
    return Answer(_collection(state, ask))


@route("PATCH /api/collections/COLLECTION")
def _update_collection(state: State, ask: Ask) -> Answer:
    found = _collection(state, ask, change=True)
    _describe(found, ask.json)
    return Answer({"success": True, "data": found})


@route("DELETE /api/collections/COLLECTION")
def _delete_collection(state: State, ask: Ask) -> Answer:
    del state.collections[_collection(state, ask, change=True)["_id"]]
    return Answer()


@route("POST /api/collections/COLLECTION/items")
def _add_item(state: State, ask: Ask) -> Answer:
    found, asked = _collection(state, ask, change=True), ask.json
    item = {"id": asked["item"]["id"], "type": asked["item"]["type"]}
    ask.parts = {"kind": item["type"] + "s", "name": item["id"]}
    state.read(ask)
    if any((other["id"], other["type"]) == (item["id"], item["type"]) for other in found["items"]):
        raise Refused(409, "This item is in the collection already")
    found["items"].append({"_id": state.new_id(), **item, "position": len(found["items"]), **_note(asked)})
    return Answer(found)


@route("(?P<method>PATCH|DELETE) /api/collections/COLLECTION/items/ITEM")
def _change_item(state: State, ask: Ask) -> Answer:
    items = _collection(state, ask, change=True)["items"]
    item = next((item for item in items if item["_id"] == ask.parts["item"]), None)
    if item is None:
        raise Refused(404, "No such item in the collection")
    place = items.index(item)
    items.remove(item)
    if ask.parts["method"] == "PATCH":
        items.insert(ask.json.get("position", place), item | _note(ask.json))
    for position, other in enumerate(items):
        other["position"] = position
    return Answer({"success": True})
