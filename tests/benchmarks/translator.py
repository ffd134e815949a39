"""
Train one small Marian model that translates captions both ways, German to English and English to German.

    python -m tests.benchmarks.translator --output runs/back_translate/translator

The source begins with a token that names the target language, `>>de<<` or `>>en<<`, as in Marian models of several
languages. Killed at any moment, the same command goes on from the newest readable checkpoint.
"""

import argparse
import os
import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more on busy cores are slower than one

import torch
from datasets import Dataset
from transformers import (
    DataCollatorForSeq2Seq,
    MarianConfig,
    MarianMTModel,
    PreTrainedTokenizerFast,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    set_seed,
)

from hf_augment.engine.checkpoints import FOLDER, RECORD, prepare
from hf_augment.record import environment, read_json, write_json

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "multi30k"
LANGUAGES = ("de", "en")
END, PAD, UNKNOWN = "</s>", "<pad>", "<unk>"
LONGEST = 128  # tokens; the longest caption of the training split has fewer


def target(language: str) -> str:
    """Return the token that asks for a language."""
    return f">>{language}<<"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer that both languages share; it ends every text with an end token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[END, PAD, UNKNOWN, *map(target, LANGUAGES)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, tokenizer.token_to_id(END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        additional_special_tokens=[*map(target, LANGUAGES)],
        model_max_length=LONGEST,
        clean_up_tokenization_spaces=False,
    )


def new_model(tokenizer: Any, given: argparse.Namespace) -> MarianMTModel:
    """Make a Marian model with random weights."""
    pad = tokenizer.pad_token_id
    model = MarianMTModel(
        MarianConfig(
            vocab_size=len(tokenizer),
            decoder_vocab_size=len(tokenizer),
            d_model=given.width,
            encoder_layers=given.layers,
            decoder_layers=given.layers,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=given.width * 4,
            decoder_ffn_dim=given.width * 4,
            max_position_embeddings=LONGEST,
            dropout=0.1,
            scale_embedding=True,
            pad_token_id=pad,
            eos_token_id=tokenizer.eos_token_id,
            forced_eos_token_id=None,
            decoder_start_token_id=pad,
        )
    )
    model.generation_config.bad_words_ids = [[pad]]
    return model


def directions(rows: Dataset, tokenizer: Any) -> Dataset:
    """Return every pair twice, once in each direction, tokenized."""
    sources, targets = [], []
    for source, language in (LANGUAGES, LANGUAGES[::-1]):
        sources += [target(language) + text.strip() for text in rows[source]]
        targets += [text.strip() for text in rows[language]]
    asked, answers = tokenizer(sources)["input_ids"], tokenizer(targets)["input_ids"]
    fits = [i for i in range(len(asked)) if max(len(asked[i]), len(answers[i])) <= LONGEST]
    return Dataset.from_dict(
        {
            "input_ids": [asked[i] for i in fits],
            "labels": [answers[i] for i in fits],
            "length": [len(asked[i]) + len(answers[i]) for i in fits],
        }
    )


def train(given: argparse.Namespace) -> Path:
    """Train the model, or go on with it, and return its folder."""
    folder = Path(given.output)
    names = ("steps", "batch", "rate", "width", "layers", "vocabulary", "seed")
    settings = {name: getattr(given, name) for name in names}
    start = prepare(folder, settings, 1)
    print(start.why, flush=True)
    if start.finished:
        return folder
    splits = {name: Dataset.from_parquet(str(given.data / f"{name}.parquet")) for name in ("train", "validation")}
    texts = [text for language in LANGUAGES for text in splits["train"][language]]
    tokenizer = train_tokenizer(texts, given.vocabulary)
    set_seed(given.seed)
    model = new_model(tokenizer, given)
    model.set_attn_implementation("eager")  # on a CPU the fused one goes backward slowly
    trainer = Seq2SeqTrainer(
        model=model,
        args=Seq2SeqTrainingArguments(
            output_dir=str(folder / FOLDER),
            max_steps=given.steps,
            per_device_train_batch_size=given.batch,
            per_device_eval_batch_size=given.batch,
            learning_rate=given.rate,
            warmup_steps=min(400, given.steps // 5),
            lr_scheduler_type="cosine",
            adam_beta2=0.98,
            label_smoothing_factor=0.1,
            train_sampling_strategy="group_by_length",
            length_column_name="length",
            bf16=True,
            use_cpu=not torch.accelerator.is_available(),
            eval_strategy="steps",
            eval_steps=max(1, given.steps // 4),
            save_steps=max(1, given.steps // 20),
            save_total_limit=2,
            logging_steps=max(1, given.steps // 60),
            seed=given.seed,
            data_seed=given.seed,
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=directions(splits["train"], tokenizer),
        eval_dataset=directions(splits["validation"], tokenizer),
        processing_class=tokenizer,
        data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
    )
    began = time.perf_counter()
    trainer.train(resume_from_checkpoint=start.checkpoint)
    seconds = round(time.perf_counter() - began)
    trainer.save_model(str(folder))
    tokenizer.save_pretrained(folder)
    (folder / "training_args.bin").unlink(missing_ok=True)
    known = {"parameters": model.num_parameters(), "seconds": seconds, "environment": environment()}
    write_json(folder / RECORD, {"settings": settings, "log": trainer.state.log_history, **known})
    shutil.rmtree(folder / FOLDER)
    return folder


def facts(folder: Path) -> dict[str, Any]:
    """Return what is known of how a model was trained."""
    record = read_json(folder / RECORD) or {}
    return {"parameters": record.get("parameters", 0), "training_seconds": record.get("seconds", 0)}


def arguments(parser: argparse.ArgumentParser | None = None) -> argparse.ArgumentParser:
    """Return the command line; its defaults are the settings whose figures stand in the benchmark."""
    parser = parser or argparse.ArgumentParser(prog="python -m tests.benchmarks.translator", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--vocabulary", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def main(words: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    print(train(arguments().parse_args(words)))


if __name__ == "__main__":
    main()
