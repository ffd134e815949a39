"""What a run made, on the Hub: dataset, models, cards, a collection."""

from hf_augment.publish.pushing import push

__all__ = ["push"]
