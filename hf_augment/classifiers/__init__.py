"""Classifiers to measure with: an LSTM of our own, and a trainer for any sequence classifier."""

from transformers import AutoConfig, AutoModelForSequenceClassification

from hf_augment.classifiers.lstm import LSTMConfig, LSTMForSequenceClassification
from hf_augment.classifiers.tokenizer import train_tokenizer
from hf_augment.classifiers.trainer import train_classifier

__all__ = ["LSTMConfig", "LSTMForSequenceClassification", "train_classifier", "train_tokenizer"]

AutoConfig.register(LSTMConfig.model_type, LSTMConfig, exist_ok=True)
AutoModelForSequenceClassification.register(LSTMConfig, LSTMForSequenceClassification, exist_ok=True)
# For those who load with trust_remote_code instead of this import: saved models carry the code.
LSTMConfig.register_for_auto_class()
LSTMForSequenceClassification.register_for_auto_class("AutoModelForSequenceClassification")
