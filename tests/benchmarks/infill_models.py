"""The two small models that `tests.benchmarks.infill` shows, and what they learn from."""

import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset

from hf_augment.engine.resources import locate, read_lm
from hf_augment.sentences import sentences
from hf_augment.streams import row_key, stream
from hf_augment.transform import Row
from hf_augment.transforms.filler import Filler
from hf_augment.transforms.infill import Infill

SENTINELS = 64
LEADS = 20_000  # triples of sentences that the compressor learns from
WIDTH, LAYERS, CONTEXT = 192, 2, 128
_SIGNS = re.compile(r"([.,!?;:()\"])|('s|n't|'re|'ve|'ll|'d|'m)\b")


def ensure(output: Path, data: Path, steps: int) -> tuple[Path, Path]:
    """Train the models that are not in the folder yet, and return where both lie."""
    infiller, compressor = output / "infiller", output / "compressor"
    if not (infiller / "config.json").exists():
        model, tokenizer = gap_filler()
        train(infiller, model, tokenizer, gap_examples(data, tokenizer, model), 2 * steps)
    if not (compressor / "config.json").exists():
        model, tokenizer = shortener()
        train(compressor, model, tokenizer, lead_examples(data, tokenizer, model), steps)
    return infiller, compressor


def gap_filler() -> tuple[Any, Any]:
    """
    Make an encoder-decoder model with sentinels of a masked one, and its tokenizer.

    The encoder is `embedded:masked`, its sentinels are mask tokens with a mark each. The decoder, one BERT layer, looks
    at the sentinel with the mark of its own last token, and hands what stands there to the head of the masked model.
    """
    from transformers import BertConfig, BertLMHeadModel, EncoderDecoderModel

    known, tokenizer = read_lm(locate("embedded:masked"), "masked")
    tokenizer.add_special_tokens({"additional_special_tokens": [f"<extra_id_{i}>" for i in range(SENTINELS)]})
    torch.manual_seed(0)
    encoder, old = known.model, len(known.get_input_embeddings().weight)
    encoder.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=CONTEXT,
        is_decoder=True,
        add_cross_attention=True,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        tie_word_embeddings=False,
    )
    decoder = BertLMHeadModel(config)
    layer, said = decoder.bert.encoder.layer[0], decoder.cls.predictions
    cross = layer.crossattention
    with torch.no_grad():
        vectors = encoder.get_input_embeddings().weight
        marks = torch.nn.functional.normalize(torch.randn(SENTINELS, WIDTH)) * 1.5 * vectors[:old].norm(dim=-1).mean()
        vectors[old:] = vectors[tokenizer.mask_token_id] + marks
        read = decoder.get_input_embeddings().weight
        read.copy_(vectors)
        read[old:] = marks
        said.transform.dense.weight.copy_(known.head.dense.weight)
        said.transform.LayerNorm.weight.copy_(known.head.norm.weight)
        said.decoder.weight.zero_()
        said.decoder.weight[:old] = vectors[:old]
        said.decoder.bias.fill_(known.decoder.bias.mean())
        said.decoder.bias[:old] = known.decoder.bias
        layer.attention.output.dense.weight.mul_(0.1)
        layer.output.dense.weight.zero_()
        for linear, scale in (
            (cross.self.query, 2.0),
            (cross.self.key, 2.0),
            (cross.self.value, 1.0),
            (cross.output.dense, 6.0),
        ):
            linear.weight.copy_(torch.eye(WIDTH) * scale)
    model = EncoderDecoderModel(encoder=encoder, decoder=decoder)
    for settings in (model.config, model.generation_config):
        settings.decoder_start_token_id = settings.eos_token_id = settings.pad_token_id = tokenizer.eos_token_id
    return model, tokenizer


def shortener() -> tuple[Any, Any]:
    """Make a BART that repeats what it reads, and its tokenizer; training has to teach it where to stop."""
    from transformers import BartConfig, BartForConditionalGeneration

    known, tokenizer = read_lm(locate("embedded:masked"), "masked")
    torch.manual_seed(0)
    sizes = {"layers": LAYERS, "attention_heads": 4, "ffn_dim": 2 * WIDTH}
    end = tokenizer.eos_token_id
    config = BartConfig(
        vocab_size=len(tokenizer),
        d_model=WIDTH,
        max_position_embeddings=CONTEXT,
        dropout=0.0,
        scale_embedding=True,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=end,
        forced_eos_token_id=None,
        **{f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in sizes.items()},
    )
    model = BartForConditionalGeneration(config)
    vectors = known.get_input_embeddings().weight.detach()
    encoder, decoder = model.model.encoder, model.model.decoder
    cross = decoder.layers[-1].encoder_attn
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(vectors / vectors.std() * WIDTH**-0.5)
        places = torch.randn_like(encoder.embed_positions.weight)
        encoder.embed_positions.weight.copy_(places)
        decoder.embed_positions.weight.copy_(places.roll(-1, 0))  # what comes next stands one place further on
        for layer in (*encoder.layers, *decoder.layers):
            layer.fc2.weight.zero_()
            layer.self_attn.out_proj.weight.zero_()
        for layer in decoder.layers:
            layer.encoder_attn.out_proj.weight.zero_()
        for linear, scale in ((cross.q_proj, 1.5), (cross.k_proj, 1.5), (cross.v_proj, 1.0), (cross.out_proj, 3.0)):
            linear.weight.copy_(torch.eye(WIDTH) * scale)
    return model, tokenizer


def gap_examples(data: Path, tokenizer: Any, model: Any, pieces: int = 12_000) -> list[dict[str, list[int]]]:
    """Mask SST-2's training sentences, with their labels, four times, and sentences of IMDB reviews without one."""
    train = Dataset.from_parquet(str(data / "sst2_sentences" / "train.parquet"))
    names = train.features["label"].names
    rows = [
        (Row(text, names[label]), copy)
        for copy in range(4)
        for text, label in zip(train["text"][:], train["label"][:], strict=True)
    ]
    rows += [(Row(as_sst(text)), 0) for text in itertools.islice(reviews(data, 4, 30), pieces)]
    infill = Infill(model="", masked=0.4)
    fillers = [Filler(model, tokenizer, separator, CONTEXT) for separator in (None, infill.separator)]
    found = []
    for row, copy in rows:
        filler = fillers[row.label is not None]
        drawn = stream(0, "benchmark", row_key(row.text), copy)
        for window in filler.windows(row, infill.gaps(row, drawn)):
            written = [
                sentinel_and_words(filler, tokenizer, row.text[slice(*gap)], k) for k, gap in enumerate(window.gaps)
            ]
            labels = [*itertools.chain(*written), filler.sentinels[len(written)], tokenizer.eos_token_id]
            found.append({"input_ids": window.ids, "labels": labels})
    return found


def sentinel_and_words(filler: Filler, tokenizer: Any, words: str, number: int) -> list[int]:
    """Write one filling as a T5 is to write it."""
    return [filler.sentinels[number], *tokenizer(words, add_special_tokens=False).input_ids]


def lead_examples(data: Path, tokenizer: Any, model: Any, pieces: int = LEADS) -> list[dict[str, list[int]]]:
    """Take three sentences that follow each other in a review, and the first of them as what is to be written."""
    found = []
    for three in itertools.islice(zip(*[reviews(data, 4, 14)] * 3, strict=False), pieces):
        source, target = tokenizer([" ".join(three), three[0]], verbose=False).input_ids
        if len(source) <= CONTEXT:
            found.append({"input_ids": source, "labels": target[1:]})
    return found


def train(folder: Path, model: Any, tokenizer: Any, examples: list[dict[str, list[int]]], steps: int) -> None:
    """Train a model, or go on with its training, and put it into `folder`."""
    from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

    checkpoints = folder.with_name(f"{folder.name}.training")
    settings = Seq2SeqTrainingArguments(
        output_dir=str(checkpoints),
        max_steps=steps,
        per_device_train_batch_size=64,
        learning_rate=1e-3,
        warmup_steps=steps // 20,
        lr_scheduler_type="linear",
        weight_decay=0.01,
        bf16=True,
        use_cpu=True,
        train_sampling_strategy="group_by_length",
        save_steps=50,
        save_total_limit=2,
        logging_steps=25,
        report_to="none",
        disable_tqdm=True,
        seed=0,
    )
    weights = sum(weight.numel() for weight in model.parameters())
    print(f"{folder.name}: {weights:,} weights, {len(examples):,} examples, {steps} steps of 64", flush=True)
    trainer = Seq2SeqTrainer(
        model=model,
        args=settings,
        train_dataset=Dataset.from_list(examples),
        data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
        processing_class=tokenizer,
    )
    begun = any(checkpoints.glob("checkpoint-*"))
    seconds, cpu = time.time(), time.process_time()
    trainer.train(resume_from_checkpoint=begun)
    print(f"{folder.name}: {time.time() - seconds:.0f} s, {time.process_time() - cpu:.0f} s of one core", flush=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def as_sst(text: str) -> str:
    """Write a sentence as SST-2 does: in lower case, with spaces around all signs."""
    return " ".join(_SIGNS.sub(r" \1\2 ", text.lower()).split())


def reviews(data: Path, fewest: int, most: int) -> Iterator[str]:
    """Yield the sentences of IMDB's unlabelled reviews that have so many words."""
    for row in Dataset.from_parquet(str(data / "pretrain" / "imdb_unsup.parquet")):
        for start, end in sentences(row["text"]):
            piece = row["text"][start:end]
            if fewest <= len(piece.split()) <= most and "<" not in piece:
                yield piece
