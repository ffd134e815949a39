"""The blocks of a recipe: what each setting means, and which values it takes."""

from hf_augment.blocks.augment import AugmentConfig
from hf_augment.blocks.data import DataConfig
from hf_augment.blocks.gate import GateConfig
from hf_augment.blocks.method import MethodConfig
from hf_augment.blocks.preprocess import PreprocessConfig
from hf_augment.blocks.publish import PublishConfig
from hf_augment.blocks.scratch import ScratchConfig
from hf_augment.blocks.select import SelectConfig
from hf_augment.blocks.study import StudyConfig
from hf_augment.blocks.train import TrainConfig

__all__ = [
    "AugmentConfig",
    "DataConfig",
    "GateConfig",
    "MethodConfig",
    "PreprocessConfig",
    "PublishConfig",
    "ScratchConfig",
    "SelectConfig",
    "StudyConfig",
    "TrainConfig",
]
