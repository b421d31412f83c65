"""The reference engine: PyTorch, float32, on any device."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from nmt.decode.engine import Attention, Decoded, DecodeOptions, Source, max_target_pieces
from nmt.decode.search import beam_search
from nmt.decode.written import WrittenPieces
from nmt.model.layers import LayerCache
from nmt.model.model_dir import WRITTEN, ModelInfo, Weights
from nmt.model.transformer import Encoded, Transformer
from nmt.text.tokenizer import BOS, EOS, PAD, Tokenizer

# B batch, S source length, R rows (B x beam size), L languages, V vocabulary, K layers, D width

SCORED_TOGETHER = 64


class TorchEngine:
    """Decodes with the Transformer itself; the measure for every other engine."""

    def __init__(
        self,
        info: ModelInfo,
        tokenizer: Tokenizer,
        weights: Weights,
        device: str = "cpu",
        threads: int = 0,
    ) -> None:
        torch.set_num_threads(threads or os.cpu_count() or 1)
        self._architecture = info.architecture
        tag_ids = [tokenizer.tag_ids[code] for code in info.languages]
        model = Transformer(info.architecture, info.vocab_size, tag_ids)
        network = {name: value for name, value in weights.items() if name != WRITTEN}
        model.load_state_dict({name: torch.from_numpy(value) for name, value in network.items()})
        self._decoder = ModelDecoder(model.to(device), tokenizer.unwritten, weights.get(WRITTEN))

    def translate(self, sources: Sequence[Source], options: DecodeOptions) -> list[list[Decoded]]:
        """Up to `n_best` hypotheses for each source; sources of like length share batches."""
        order = sorted(range(len(sources)), key=lambda i: len(sources[i].pieces))
        results: list[list[Decoded]] = [[] for _ in sources]
        for start in range(0, len(order), options.batch_size):
            rows = order[start : start + options.batch_size]
            limits = [max_target_pieces(self._architecture, len(sources[i].pieces)) for i in rows]
            found = self._decoder.decode([sources[i] for i in rows], limits, options)
            for i, hypotheses in zip(rows, found, strict=True):
                results[i] = hypotheses[: options.n_best]
        return results

    def align(self, sources: Sequence[Source], targets: Sequence[Sequence[int]]) -> list[Attention]:
        """What the translations look at in one pass over each."""
        return [
            self._decoder.align(source, pieces)
            for source, pieces in zip(sources, targets, strict=True)
        ]

    def score(self, sources: Sequence[Source], targets: Sequence[Sequence[int]]) -> list[float]:
        """Mean log-probability a piece, end included, that the model gives to translations."""
        order = sorted(range(len(sources)), key=lambda i: len(targets[i]))
        scores = [0.0] * len(sources)
        for start in range(0, len(order), SCORED_TOGETHER):
            rows = order[start : start + SCORED_TOGETHER]
            found = self._decoder.score([sources[i] for i in rows], [targets[i] for i in rows])
            for i, value in zip(rows, found, strict=True):
                scores[i] = value
        return scores

    def represent(self, sources: Sequence[Source]) -> npt.NDArray[np.float32]:
        """States of the encoder before its first layer and after each [N, 1 + layers, D].

        Of each source the mean over its pieces, without tag and end; zero if it has none.
        """
        order = sorted(range(len(sources)), key=lambda i: len(sources[i].pieces))
        shape = len(sources), 1 + self._architecture.encoder_layers, self._architecture.d_model
        found = np.zeros(shape, np.float32)
        for start in range(0, len(order), SCORED_TOGETHER):
            rows = order[start : start + SCORED_TOGETHER]
            found[rows] = self._decoder.represent([sources[i] for i in rows])
        return found


class ModelDecoder:
    """Beam search with a Transformer.

    `written_LV` says which pieces each language is written with: no translation has others.
    """

    def __init__(
        self,
        model: Transformer,
        forbidden: Sequence[int],
        written_LV: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self.model = model.eval()
        self._forbidden = forbidden
        self._written = None if written_LV is None else WrittenPieces(written_LV)

    @torch.inference_mode()
    def decode(
        self, sources: Sequence[Source], max_lengths: Sequence[int], options: DecodeOptions
    ) -> list[list[Decoded]]:
        """Up to `beam_size` hypotheses for each source of one batch."""
        self.model.eval()
        device = self.model.positions.device
        source_BS = torch.from_numpy(_padded(sources)).to(device)
        mix_BL = torch.tensor([source.mix for source in sources], device=device)
        encoded = self.model.encode(source_BS, mix_BL)
        found = beam_search(
            self._step_function(encoded, self._foreign(sources), options.beam_size),
            max_lengths,
            beam_size=options.beam_size,
            bos=BOS,
            eos=EOS,
            forbidden=self._forbidden,
            length_penalty=options.length_penalty,
            device=device,
        )
        return [[Decoded(h.pieces, h.score, h.is_complete) for h in beam] for beam in found]

    @torch.inference_mode()
    def align(self, source: Source, target: Sequence[int]) -> Attention:
        """Attention of the supervised head to the source, for each piece of its target."""
        device = self.model.positions.device
        source_BS = torch.from_numpy(_padded([source])).to(device)
        mix_BL = torch.tensor([source.mix], device=device)
        target_BT = torch.tensor([[BOS, *target]], device=device)
        looks_TS = self.model(source_BS, mix_BL, target_BT).looks[0]
        found: Attention = looks_TS[: len(target), 1:-1].float().cpu().numpy()
        return found

    @torch.inference_mode()
    def score(self, sources: Sequence[Source], targets: Sequence[Sequence[int]]) -> list[float]:
        """Mean log-probability of the pieces of each target, whatever its language is written with.

        One batch.
        """
        device = self.model.positions.device
        source_BS = torch.from_numpy(_padded(sources)).to(device)
        mix_BL = torch.tensor([source.mix for source in sources], device=device)
        ends = [torch.tensor([BOS, *target, EOS]) for target in targets]
        target_BT = pad_sequence(ends, batch_first=True, padding_value=PAD).to(device)
        states_BTD = self.model(source_BS, mix_BL, target_BT[:, :-1]).states
        labels_BT = target_BT[:, 1:]
        logits_BTV = self.model.logits(states_BTD).float()
        logits_BTV[..., list(self._forbidden)] = -torch.inf  # as in a search
        logs_BTV = logits_BTV.log_softmax(dim=-1)
        logs_BT = logs_BTV.gather(2, labels_BT[..., None])[..., 0]
        is_real_BT = labels_BT != PAD
        sums_B = logs_BT.masked_fill(~is_real_BT, 0.0).sum(1)
        scores: list[float] = (sums_B / is_real_BT.sum(1)).tolist()
        return scores

    @torch.inference_mode()
    def represent(self, sources: Sequence[Source]) -> npt.NDArray[np.float32]:
        """Mean states over the pieces of each source of one batch [B, 1 + layers, D]."""
        device = self.model.positions.device
        source_BS = torch.from_numpy(_padded(sources)).to(device)
        mix_BL = torch.tensor([source.mix for source in sources], device=device)
        layers, _ = self.model.encode_layers(source_BS, mix_BL)
        states_BKSD = torch.stack(layers, dim=1)[:, :, 1:].float()
        is_piece_BS = (source_BS != PAD) & (source_BS != EOS)
        sums_BKD = torch.einsum("bksd,bs->bkd", states_BKSD, is_piece_BS.float())
        counts_B = is_piece_BS.sum(1).clamp(min=1)
        found: npt.NDArray[np.float32] = (sums_BKD / counts_B[:, None, None]).cpu().numpy()
        return found

    def _foreign(self, sources: Sequence[Source]) -> Tensor | None:
        """The pieces that no translation of a source may have [B, V]."""
        if self._written is None:
            return None
        own = [self._written.pieces(self._written.languages(source.mix)) for source in sources]
        return ~torch.from_numpy(np.stack(own)).to(self.model.positions.device)

    def _step_function(
        self, encoded: Encoded, foreign_BV: Tensor | None, beam_size: int
    ) -> _CachedStep:
        spread = Encoded(*(x.repeat_interleave(beam_size, dim=0) for x in encoded))
        foreign_RV = None if foreign_BV is None else foreign_BV.repeat_interleave(beam_size, dim=0)
        return _CachedStep(self.model, spread.bias, foreign_RV, self.model.start_cache(spread))


class _CachedStep:
    """The model as a step function; its caches follow the rows of the search."""

    def __init__(
        self,
        model: Transformer,
        bias: Tensor,
        foreign_RV: Tensor | None,
        caches: list[LayerCache],
    ) -> None:
        self._model = model
        self._bias = bias
        self._foreign_RV = foreign_RV
        self._caches = caches

    def __call__(self, parents_R: Tensor, pieces_R: Tensor, position: int) -> Tensor:
        self._bias = self._bias[parents_R]
        for cache in self._caches:
            cache.select(parents_R)
        states = self._model.decode_step(pieces_R, position, self._caches, self._bias)
        logits_RV = self._model.logits(states)
        if self._foreign_RV is not None:
            self._foreign_RV = self._foreign_RV[parents_R]
            logits_RV = logits_RV.masked_fill(self._foreign_RV, -torch.inf)
        return logits_RV


def _padded(sources: Sequence[Source]) -> np.ndarray:
    longest = max(len(source.pieces) for source in sources) + 1
    rows = np.full((len(sources), longest), PAD, dtype=np.int64)
    for row, source in zip(rows, sources, strict=True):
        row[: len(source.pieces)] = source.pieces
        row[len(source.pieces)] = EOS
    return rows
