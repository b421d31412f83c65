"""Online back-translation: sources for directions that have no data, or little.

Part of the batches get new sources, in other languages, which the model itself translates from the
side of the pair that it has learnt to translate into them: mostly English, so that a model trained
from and to English learns to translate between all its languages. Targets are always human text.
After Firat et al. 2016 (Zero-Resource Translation with Multi-Lingual NMT), but online, as in
Zhang et al. 2020, who translate the targets instead, by the very directions that are to be learnt.
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
        thin: Sequence[str] = (),
        written_LV: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Sources are made in languages of untrained `directions`, and in `thin` ones in any case.

        `written_LV` says which pieces each language is written with: sources have no others.
        """
        tags = [tokenizer.tag_ids[code] for code in languages]
        self._decoder = ModelDecoder(model, [PAD, BOS, UNK, *tags], written_LV)
        self._max_pieces = max_source_pieces(model.config)
        pairs = [[(source, target) for target in languages] for source in languages]
        self._is_trained = np.array([[pair in set(directions) for pair in row] for row in pairs])
        # Of a source and a target language, by number: whether such sources are made.
        self._is_made = ~self._is_trained | np.isin(languages, thin)[:, None]
        np.fill_diagonal(self._is_made, False)

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """The batch, where each row draws a source language: a new source if such are made.

        The other rows stay as they were. The model is left in evaluation mode.
        """
        num_languages = batch.mix_BL.shape[1]
        examples = [
            Example(source[source != PAD][:-1], target[target != PAD][:-1], int(mix.argmax()))
            for source, target, mix in zip(
                batch.source_BS, batch.labels_BT, batch.mix_BL, strict=True
            )
        ]
        drawn = [
            (example.target_language + rng.integers(1, num_languages)) % num_languages
            for example in examples
        ]
        rows = [
            row
            for row, (example, language) in enumerate(zip(examples, drawn, strict=True))
            if self._is_made[language, example.target_language]
        ]
        if not rows:
            return batch
        originals = []
        for row in rows:
            source, target, language = examples[row]
            text = target if self._is_trained[language, drawn[row]] else source
            mix = np.zeros(num_languages)
            mix[drawn[row]] = 1.0
            originals.append(Source([int(piece) for piece in text], mix.tolist()))
        # A translation much longer than its original is a failure: it is cut, not waited for.
        limits = [min(len(text.pieces) * 3 // 2 + 5, self._max_pieces) for text in originals]
        found = self._decoder.decode(originals, limits, DecodeOptions(beam_size=1))
        for row, hypotheses in zip(rows, found, strict=True):
            if pieces := hypotheses[0].pieces:
                examples[row] = examples[row]._replace(source=pieces)
        return collate(examples, num_languages)
