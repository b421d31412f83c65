"""Random online back-translation (Zhang et al. 2020): sources for directions that have no data.

Part of the batches get new sources: the model itself translates the targets into a language whose
direction to the target's has never been trained. A model that can translate from and to English
so learns to translate between all its languages.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nmt.data.batching import Batch, Example, collate
from nmt.decode.engine import DecodeOptions, Source, max_source_pieces
from nmt.decode.torch_engine import ModelDecoder
from nmt.model.transformer import Transformer
from nmt.text.tokenizer import BOS, PAD, UNK, Tokenizer


class BackTranslator:
    """Gives batches other sources, made by the model as it is at that moment."""

    def __init__(
        self,
        model: Transformer,
        tokenizer: Tokenizer,
        languages: Sequence[str],
        directions: Sequence[tuple[str, str]],
        written_LV: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """`written_LV` says which pieces each language is written with: sources have no others."""
        tags = [tokenizer.tag_ids[code] for code in languages]
        self._decoder = ModelDecoder(model, [PAD, BOS, UNK, *tags], written_LV)
        self._max_pieces = max_source_pieces(model.config)
        trained = set(directions)
        # For each language, by number: those from which it is never reached in training.
        self._partners = [
            [
                number
                for number, source in enumerate(languages)
                if source != target and (source, target) not in trained
            ]
            for target in languages
        ]

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """The batch with new sources where the target has a partner; other rows as they were.

        The model is left in evaluation mode.
        """
        targets = [row[row != PAD][:-1] for row in batch.labels_BT]
        examples = [
            Example(source[source != PAD][:-1], target, int(mix.argmax()))
            for source, target, mix in zip(batch.source_BS, targets, batch.mix_BL, strict=True)
        ]
        rows = [row for row, e in enumerate(examples) if self._partners[e.target_language]]
        if not rows:
            return batch
        num_languages = batch.mix_BL.shape[1]
        sources = []
        for row in rows:
            mix = np.zeros(num_languages)
            mix[rng.choice(self._partners[examples[row].target_language])] = 1.0
            sources.append(Source(targets[row].tolist(), mix.tolist()))
        # A translation much longer than its original is a failure: it is cut, not waited for.
        limits = [min(len(targets[row]) * 3 // 2 + 5, self._max_pieces) for row in rows]
        found = self._decoder.decode(sources, limits, DecodeOptions(beam_size=1))
        for row, hypotheses in zip(rows, found, strict=True):
            if pieces := hypotheses[0].pieces:
                examples[row] = examples[row]._replace(source=pieces)
        return collate(examples, num_languages)
