"""The collection that ties together what one run pushed."""

from collections.abc import Sequence
from typing import Any

from hf_augment.publish.repository import Place
from hf_augment.publish.retry import retried

_ABOUT = "An augmented dataset and the models of the same run, by hf-augment."


def tie(api: Any, title: str, places: Sequence[Place], private: bool) -> str | None:
    """
    Put repositories into a collection; what is in it already stays as it is.

    Args:
        api (`HfApi`): With the token.
        title (`str`): The collection's; one of that title in the namespace is taken.
        places (`Sequence[Place]`): What goes in.
        private (`bool`): Whether a new collection is private.

    Returns:
        `str`: Its address; `None` if the token may not make collections, as one for single repositories may not.
    """
    from huggingface_hub.errors import HfHubHTTPError

    namespace = places[0].id.split("/")[0]

    def collect() -> str:
        found = api.create_collection(title, namespace=namespace, description=_ABOUT, private=private, exists_ok=True)
        held = {(item.item_type, item.item_id) for item in found.items}
        for place in places:
            if (place.kind, place.id) not in held:
                api.add_collection_item(found.slug, place.id, place.kind, exists_ok=True)
        return found.url

    try:
        return retried(collect)
    except HfHubHTTPError as error:
        if error.response.status_code == 403:
            return None
        raise
