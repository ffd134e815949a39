"""The `publish` block: what goes to the Hub, under which names."""

import dataclasses

LONGEST = 60  # characters of the title of a collection, as the Hub has it


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishConfig:
    """
    Where `hf-augment push` puts what a run made. What has no name is not pushed, unless `--to` names all of it.

    Args:
        dataset (`str`, *optional*), classifier (`str`, *optional*), generator (`str`, *optional*):
            Ids on the Hub, such as `me/reviews-augmented`.
        collection (`str`, *optional*):
            The title of the collection that ties them together, at most 60 characters.
        license (`str`, *optional*):
            The licence of what is pushed, as the Hub names it (`apache-2.0`, `cc-by-4.0`). Without it the dataset
            keeps the one that the card of the source dataset names, and the models name none.
        language (`list[str]`, *optional*):
            Languages of the texts, such as `[en]`; by default those that the card of the source dataset names.
        private (`bool`, *optional*, defaults to `True`):
            Whether what is made anew on the Hub is private, and nothing goes into a public repository.
        include_gold (`bool`, *optional*, defaults to `True`):
            Whether real rows go along. Some licences forbid it; then only the written rows do.
    """

    dataset: str | None = None
    classifier: str | None = None
    generator: str | None = None
    collection: str | None = None
    license: str | None = None
    language: tuple[str, ...] | None = None
    private: bool = True
    include_gold: bool = True

    def __post_init__(self):
        for kind in ("dataset", "classifier", "generator"):
            name = getattr(self, kind)
            if name is not None and (name.count("/") != 1 or not all(name.split("/"))):
                raise ValueError(f"publish: {kind}: expected NAMESPACE/NAME, got {name!r}. Write e.g. 'me/{kind}'.")
        if self.collection is not None and not 0 < len(self.collection) <= LONGEST:
            raise ValueError(
                f"publish: collection: the Hub takes titles of 1 to {LONGEST} characters, got {len(self.collection)}."
            )
