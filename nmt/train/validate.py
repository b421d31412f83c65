"""Loss and BLEU of every direction on held-out pairs during training."""

from __future__ import annotations

from pathlib import Path

import torch

from nmt.config import Config
from nmt.data.batching import Example, collate
from nmt.decode.engine import DecodeOptions, Source, max_source_pieces, max_target_pieces
from nmt.decode.torch_engine import ModelDecoder
from nmt.errors import ConfigError, CorpusError
from nmt.evaluate.metrics import check_metrics, score
from nmt.evaluate.testfiles import DirectionTest, read_tests
from nmt.model.transformer import Transformer
from nmt.text.tokenizer import BOS, PAD, UNK, Tokenizer
from nmt.train.loss import batch_loss

SENTENCES_PER_BATCH = 64


class Validator:
    """Held-out pairs, ready to judge a model; nothing to judge by if no files are configured."""

    def __init__(self, config: Config, tokenizer: Tokenizer) -> None:
        settings = config.training
        self._languages = list(config.languages)
        self._max_pieces = max_source_pieces(config.model)
        self._tokenizer = tokenizer
        self._forbidden = [PAD, BOS, UNK, *tokenizer.tag_ids.values()]
        paths = [Path(config.data.root) / path for path in settings.validation]
        self._tests: list[tuple[DirectionTest, list[list[int]], list[list[int]]]] = []
        if paths:
            tests = read_tests(paths, config.languages, limit=settings.validation_sentences)
            check_metrics(["bleu"], [test.target for test in tests])
            self._tests = [
                (
                    test,
                    self._encode(test.sources, test, "source"),
                    self._encode(test.references, test, "reference"),
                )
                for test in tests
            ]
        elif settings.patience:
            raise ConfigError("training.patience needs held-out files in training.validation")

    @property
    def has_data(self) -> bool:
        """Whether there is anything to validate on."""
        return bool(self._tests)

    @torch.inference_mode()
    def run(self, model: Transformer, device: torch.device) -> dict[str, float]:
        """`loss` (mean nats a target piece over directions), then loss and BLEU of each direction.

        BLEU is that of greedy search. The model is left in evaluation mode.
        """
        model.eval()
        scores: dict[str, float] = {}
        for test, sources, targets in self._tests:
            name = f"{test.name}.{test.source}>{test.target}"
            scores[f"loss.{name}"] = self._loss(model, device, test.target, sources, targets)
            hypotheses = self._greedy(model, test.target, sources)
            scores[f"bleu.{name}"] = score("bleu", hypotheses, test.references, test.target).value
        losses = [value for name, value in scores.items() if name.startswith("loss.")]
        bleus = [value for name, value in scores.items() if name.startswith("bleu.")]
        means = {"loss": sum(losses) / len(losses), "bleu": sum(bleus) / len(bleus)}
        return {**means, **scores}

    def _encode(self, texts: tuple[str, ...], test: DirectionTest, side: str) -> list[list[int]]:
        encoded = self._tokenizer.encode_all(texts)
        for number, ids in enumerate(encoded, start=1):
            if len(ids) > self._max_pieces:
                raise CorpusError(
                    f"validation {test.name} {test.source}>{test.target}: {side} {number} has "
                    f"{len(ids)} pieces, the model takes up to {self._max_pieces}"
                )
        return encoded

    def _loss(
        self,
        model: Transformer,
        device: torch.device,
        target: str,
        sources: list[list[int]],
        targets: list[list[int]],
    ) -> float:
        language = self._languages.index(target)
        pairs = sorted(zip(sources, targets, strict=True), key=lambda pair: len(pair[0]))
        total, tokens = 0.0, 0
        for start in range(0, len(pairs), SENTENCES_PER_BATCH):
            examples = [Example(a, b, language) for a, b in pairs[start:][:SENTENCES_PER_BATCH]]
            batch = collate(examples, len(self._languages))
            total += batch_loss(model, batch, 0.0, device).nll.item()
            tokens += batch.num_tokens
        return total / tokens

    def _greedy(self, model: Transformer, target: str, sources: list[list[int]]) -> list[str]:
        decoder = ModelDecoder(model, self._forbidden)
        mix = [float(code == target) for code in self._languages]
        order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
        texts = [""] * len(sources)
        for start in range(0, len(order), SENTENCES_PER_BATCH):
            rows = order[start : start + SENTENCES_PER_BATCH]
            found = decoder.decode(
                [Source(sources[i], mix) for i in rows],
                [max_target_pieces(model.config, len(sources[i])) for i in rows],
                DecodeOptions(beam_size=1),
            )
            for i, hypotheses in zip(rows, found, strict=True):
                texts[i] = self._tokenizer.decode(hypotheses[0].pieces)
        return texts
