"""Text to piece ids and back. The only module that knows SentencePiece."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import sentencepiece

from nmt.errors import ModelError

PAD, BOS, EOS, UNK = 0, 1, 2, 3
# Special pieces and bytes, which every vocabulary has.
NEVER_NEW = UNK + 1 + 256


def language_tag(code: str) -> str:
    """The piece that stands for a target language, such as `<2es>`."""
    return f"<2{code}>"


class Tokenizer:
    """One SentencePiece model shared by all languages, language tags included."""

    def __init__(self, model: bytes, name: str = "spm.model") -> None:
        if not model:  # which SentencePiece would take
            raise ModelError(f"{name} is empty")
        try:
            self._spm = sentencepiece.SentencePieceProcessor(model_proto=model)
        except RuntimeError:
            raise ModelError(f"{name} is not a SentencePiece model") from None
        self.model = model
        pieces = (self._spm.id_to_piece(i) for i in range(UNK + 1, self._spm.vocab_size()))
        self.tag_ids: dict[str, int] = {}
        for index, piece in enumerate(pieces, start=UNK + 1):
            if not (piece.startswith("<2") and piece.endswith(">")):
                break  # tags directly follow the special pieces
            self.tag_ids[piece[2:-1]] = index
        self._bytes = {i for i in range(self._spm.vocab_size()) if self._spm.is_byte(i)}
        # A tag written in someone's text is text: it must not choose the language.
        self._spelled = {
            index: [self._character(c) for c in language_tag(code)]
            for code, index in self.tag_ids.items()
        }

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        """Read `spm.model`; ModelError if it is missing or something else."""
        try:
            return cls(path.read_bytes(), str(path))
        except OSError as error:
            raise ModelError(f"cannot read {path}: {error.strerror}") from None

    @property
    def vocab_size(self) -> int:
        """Number of pieces, tags and special pieces included."""
        return int(self._spm.vocab_size())

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that have a tag, in the order of their ids."""
        return tuple(self.tag_ids)

    @property
    def unwritten(self) -> tuple[int, ...]:
        """Ids that no translation holds: special pieces other than the end, and tags."""
        return (PAD, BOS, UNK, *self.tag_ids.values())

    @property
    def without_letters(self) -> tuple[int, ...]:
        """Ids of pieces that are in no language: digits, signs, spaces, bytes and the end."""
        return tuple(
            i
            for i in range(self.vocab_size)
            if i in self._bytes or i == EOS or not any(map(str.isalpha, self.piece(i)))
        )

    def piece(self, index: int) -> str:
        """The spelling of a piece, with `▁` for the space before a word."""
        return str(self._spm.id_to_piece(index))

    def encode(self, text: str) -> list[int]:
        """Piece ids of a sentence: neither tag nor end of sentence."""
        return self._without_tags(self._spm.encode(text))

    def has_bytes(self, text: str) -> bool:
        """Whether a text has characters that the vocabulary can only spell in bytes."""
        return not self._bytes.isdisjoint(self._spm.encode(text))

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Piece ids of each sentence."""
        # In one thread: to start more takes longer than they save, and the cores are decoding.
        found = self._spm.encode(list(texts), num_threads=1)
        return [self._without_tags(ids) for ids in found]

    def encode_with_spans(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Piece ids of a sentence, and the characters of it that each one stands for."""
        found = self._spm.encode(text, return_type="offset_mapping")
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        for index, span in zip(found["ids"], found["offsets"], strict=True):
            new = self._spelled.get(index, [index])
            ids += new
            spans += [span] * len(new)
        return ids, spans

    def decode(self, ids: Iterable[int]) -> str:
        """The text of piece ids; special pieces and tags give nothing."""
        first = UNK + len(self.tag_ids)
        return str(self._spm.decode([i for i in ids if i > first or i == UNK]))

    def _without_tags(self, ids: list[int]) -> list[int]:
        if self._spelled.keys().isdisjoint(ids):
            return ids
        return [piece for i in ids for piece in self._spelled.get(i, [i])]

    def _character(self, character: str) -> int:
        index = int(self._spm.piece_to_id(character))
        return index if index != UNK else int(self._spm.piece_to_id(f"<0x{ord(character):02X}>"))


def train_tokenizer(sentences: Iterable[str], languages: Sequence[str], vocab_size: int) -> bytes:
    """A unigram SentencePiece model with byte fallback and one user-defined tag a language.

    The number of threads is fixed, as it decides the order in which counts are summed:
    the same sentences give the same model on every machine.
    """
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocab_size,
            character_coverage=0.9995,
            byte_fallback=True,
            split_digits=True,
            normalization_rule_name="nmt_nfkc",
            user_defined_symbols=[language_tag(code) for code in languages],
            pad_id=PAD,
            bos_id=BOS,
            eos_id=EOS,
            unk_id=UNK,
            num_threads=4,
            hard_vocab_limit=False,
            max_sentence_length=16384,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise ModelError(f"cannot make a vocabulary of {vocab_size} pieces: {error}") from None
    return model.getvalue()


def extend_tokenizer(
    model: bytes, sentences: Iterable[str], languages: Sequence[str], vocab_size: int
) -> bytes:
    """A SentencePiece model with tags of more languages, and with pieces of their sentences.

    All that the old model knows stays, so that text in another script is spelt as before, but for
    words that the new sentences cite. It has up to `vocab_size` pieces in all.
    """
    # Imported here, as it takes time and nothing else needs it.
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # type: ignore[attr-defined]

    extended = ModelProto.FromString(model)
    known = {piece.piece for piece in extended.pieces}
    own = train_tokenizer(sentences, languages, vocab_size - len(known) + NEVER_NEW)
    new = [piece for piece in ModelProto.FromString(own).pieces if piece.piece not in known]
    tags, others = new[: len(languages)], new[len(languages) :]
    place = UNK + 1 + len(Tokenizer(model).tag_ids)
    pieces = [*extended.pieces[:place], *tags, *extended.pieces[place:], *others]
    del extended.pieces[:]
    extended.pieces.extend(pieces)
    extended.trainer_spec.user_defined_symbols.extend(tag.piece for tag in tags)
    extended.trainer_spec.vocab_size = len(pieces)
    serialized: bytes = extended.SerializeToString()
    return serialized
