"""The fast engine: CTranslate2, also for mixes."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ctranslate2
import numpy as np

from nmt.decode.ctranslate2_model import ModelFiles
from nmt.decode.engine import Attention, Decoded, DecodeOptions, Source, max_target_pieces
from nmt.decode.written import WrittenPieces
from nmt.errors import InvalidInput
from nmt.model.model_dir import WRITTEN, ModelInfo, Weights
from nmt.text.tokenizer import EOS, Tokenizer

# L languages, D model width

# Weights of a mix over the languages of the model, which is how it is known here.
Mix = tuple[float, ...]
# Numbers of the languages whose pieces may be written.
Languages = tuple[int, ...]

# Two mixes are the same if their weights agree to this many digits: float32 has no more.
WEIGHT_DIGITS = 6
# Mixes that are kept at the same time, those used last. One takes a kilobyte at width 256.
MAX_MIXES = 1024
# What NumPy calls the AVX-512 instructions of all servers since 2017, before and since release 2.4.
WIDE_VECTORS = {"AVX512_SKX", "X86_V4"}
# Sentences in one batch of alignment.
ALIGNED_TOGETHER = 32


@dataclass(frozen=True)
class _Loaded:
    """A loaded model, and the source words for each target that it knows.

    One stands for the target, in front. A mix also has one for the end, which says what may be
    written; for one language the tag does.
    """

    translator: ctranslate2.Translator
    words: Mapping[Mix, str]
    ends: Mapping[Mix, str]


class CTranslate2Engine:
    """Decodes with CTranslate2, whose quantised products make it the fastest on a CPU.

    The library takes words only, so a mix becomes a word: a further row of the source embedding,
    added by loading the model again, in some milliseconds, when a mix is first asked for. Who
    translates meanwhile goes on with the model as it was. Any number of threads may share an
    engine.
    """

    def __init__(
        self,
        info: ModelInfo,
        tokenizer: Tokenizer,
        weights: Weights,
        device: str = "cpu",
        threads: int = 0,
        precision: str = "default",
    ) -> None:
        """`precision` is one of the library's compute types; `threads` 0 takes all cores."""
        _use_wide_vectors()
        self._info = info
        self._tokenizer = tokenizer
        self._pieces = [tokenizer.piece(i) for i in range(tokenizer.vocab_size)]
        self._ids = {piece: i for i, piece in enumerate(self._pieces)}
        name, _, index = device.partition(":")
        if precision == "default":
            precision = "int8" if name == "cpu" else "float16"
        allowed = ctranslate2.get_supported_compute_types(name, int(index or 0))
        if precision not in allowed:
            raise InvalidInput(
                f"no precision {precision} on {device}: there are {', '.join(sorted(allowed))}"
            )
        # Sentences in parallel, each on one thread: products of this size gain little from more.
        workers = (threads or os.cpu_count() or 1) if name == "cpu" else 1
        self._placement = {
            "device": name,
            "device_index": int(index or 0),
            "compute_type": precision,
            "inter_threads": workers,
            "intra_threads": 1,
        }
        self._plain = {
            tuple(float(code == other) for other in info.languages): tokenizer.tag_ids[code]
            for code in info.languages
        }
        tags_LD = weights["embedding.weight"][list(self._plain.values())]
        self._tags_LD = tags_LD.astype(np.float32)
        self._end = self._pieces[EOS]
        self._end_D = weights["embedding.weight"][EOS].astype(np.float32)
        self._written = WrittenPieces(weights[WRITTEN]) if WRITTEN in weights else None
        self._files = ModelFiles(
            info, tokenizer, weights, quantised=precision == "int8", adds_end=False
        )
        self._recent: OrderedDict[Mix, None] = OrderedDict()
        self._recent_lock = threading.Lock()
        self._loading_lock = threading.Lock()
        self._loaded = self._load(())

    def translate(self, sources: Sequence[Source], options: DecodeOptions) -> list[list[Decoded]]:
        """Up to `n_best` hypotheses for each source; sources of like length share batches."""
        mixes = [_mix(source) for source in sources]
        results: list[list[Decoded]] = [[] for _ in sources]
        for places in _with_few_mixes(mixes):
            loaded = self._knowing({mixes[i]: None for i in places})
            batch = {i: self._sentence(loaded, mixes[i], sources[i].pieces) for i in places}
            limits = {
                i: max_target_pieces(self._info.architecture, len(sources[i].pieces))
                for i in places
            }
            waiting: list[tuple[int, Any]] = []
            for (limit, languages), rows in self._alike(places, limits, mixes).items():
                futures = loaded.translator.translate_batch(
                    [batch[i] for i in rows],
                    max_batch_size=options.batch_size,
                    beam_size=options.beam_size,
                    num_hypotheses=options.n_best,
                    length_penalty=options.length_penalty,
                    max_decoding_length=limit,
                    max_input_length=0,
                    return_scores=True,
                    return_end_token=True,
                    use_vmap=languages is not None,
                    asynchronous=True,
                )
                waiting += zip(rows, futures, strict=True)
            for i, future in waiting:
                found = future.result()
                results[i] = [
                    self._decoded(words, score)
                    for words, score in zip(found.hypotheses, found.scores, strict=True)
                ]
        return results

    def _alike(
        self, places: Sequence[int], limits: Mapping[int, int], mixes: Sequence[Mix]
    ) -> dict[tuple[int, Languages | None], list[int]]:
        """Places whose sentences may share a batch, the longest first.

        What may be written must not depend on batch-mates: not the length, and not the languages,
        where the model knows which pieces a language is written with.
        """
        groups: dict[tuple[int, Languages | None], list[int]] = {}
        for i in sorted(places, key=limits.__getitem__, reverse=True):
            languages = self._written.languages(mixes[i]) if self._written else None
            groups.setdefault((limits[i], languages), []).append(i)
        return groups

    def align(self, sources: Sequence[Source], targets: Sequence[Sequence[int]]) -> list[Attention]:
        """What the translations look at, as they are decoded once more under constraint."""
        pairs = [
            (len(source.pieces), len(pieces))
            for source, pieces in zip(sources, targets, strict=True)
        ]
        found = [np.zeros((length, width), np.float32) for width, length in pairs]
        mixes = [_mix(source) for source in sources]
        filled = [i for i, pair in enumerate(pairs) if all(pair)]
        for places in _with_few_mixes([mixes[i] for i in filled]):
            rows = [filled[place] for place in places]
            loaded = self._knowing({mixes[i]: None for i in rows})
            forced = loaded.translator.translate_batch(
                [self._sentence(loaded, mixes[i], sources[i].pieces) for i in rows],
                target_prefix=[self._words(targets[i]) for i in rows],
                max_batch_size=ALIGNED_TOGETHER,
                beam_size=1,
                max_decoding_length=max(len(targets[i]) for i in rows),
                max_input_length=0,
                return_attention=True,
            )
            for i, result in zip(rows, forced, strict=True):
                width, length = pairs[i]
                found[i] = np.array(result.attention[0], np.float32)[:length, 1 : width + 1]
        return found

    def _sentence(self, loaded: _Loaded, mix: Mix, pieces: Sequence[int]) -> list[str]:
        """What the library reads: the word of the target, the pieces, and an end."""
        return [loaded.words[mix], *self._words(pieces), loaded.ends.get(mix, self._end)]

    def _words(self, pieces: Sequence[int]) -> list[str]:
        return [self._pieces[i] for i in pieces]

    def _decoded(self, words: list[str], score: float) -> Decoded:
        ids = [self._ids[word] for word in words]
        is_complete = bool(ids) and ids[-1] == EOS
        return Decoded(ids[:-1] if is_complete else ids, score, is_complete)

    def _knowing(self, mixes: Iterable[Mix]) -> _Loaded:
        """A loaded model that knows these mixes."""
        wanted = [mix for mix in mixes if mix not in self._plain]
        with self._recent_lock:
            for mix in wanted:
                self._recent[mix] = None
                self._recent.move_to_end(mix)
            while len(self._recent) > MAX_MIXES:
                self._recent.popitem(last=False)
        loaded = self._loaded
        if all(mix in loaded.words for mix in wanted):
            return loaded
        with self._loading_lock:
            # Others may have been faster; what they asked for in the meantime comes along.
            if not all(mix in self._loaded.words for mix in wanted):
                with self._recent_lock:
                    recent = dict.fromkeys([*self._recent, *wanted])
                self._loaded = self._load(list(recent))
            return self._loaded

    def _load(self, mixes: Sequence[Mix]) -> _Loaded:
        words = {mix: f"<mix {' '.join(map(str, mix))}>" for mix in mixes}
        rows = {word: np.asarray(mix, np.float32) @ self._tags_LD for mix, word in words.items()}
        ends: dict[Mix, str] = {}
        written: dict[str, np.ndarray] = {}
        # Ends that differ in name only tell what may be written. There are few of them, while a
        # list for each mix would take long to read.
        if self._written:
            for mix in mixes:
                languages = self._written.languages(mix)
                ends[mix] = f"<end{','.join(map(str, languages))}>"
                if ends[mix] not in written:
                    written[ends[mix]] = self._written.pieces(languages)
        rows |= dict.fromkeys(written, self._end_D)
        files = self._files.with_rows(rows, written)
        translator = ctranslate2.Translator(self._info.name, files=files, **self._placement)
        plain = {mix: self._pieces[tag] for mix, tag in self._plain.items()}
        return _Loaded(translator, {**plain, **words}, ends)


def _use_wide_vectors() -> None:
    """Let the library take 512-bit vectors where the processor has them, which it does not itself.

    It looks at this variable once, when it is first used; what a user has set is left alone.
    """
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    if not WIDE_VECTORS.isdisjoint(found):
        os.environ.setdefault("CT2_FORCE_CPU_ISA", "AVX512")


def _mix(source: Source) -> Mix:
    return tuple(round(weight, WEIGHT_DIGITS) for weight in source.mix)


def _with_few_mixes(mixes: Sequence[Mix]) -> Iterator[list[int]]:
    """Places in order, in groups of no more mixes than are kept at the same time."""
    group: list[int] = []
    seen: set[Mix] = set()
    for place, mix in enumerate(mixes):
        if mix not in seen and len(seen) == MAX_MIXES:
            yield group
            group, seen = [], set()
        group.append(place)
        seen.add(mix)
    if group:
        yield group
