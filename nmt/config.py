"""One frozen tree of settings for a model: its languages, data, architecture and training.

A default stands here and nowhere else. Unknown keys, wrong types and values out of range are
refused with all problems at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from nmt.sections import Section, load

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Direction = Annotated[str, Field(pattern=r"^\S+>\S+$", description="source>target, such as en>es")]


def _languages_differ(pair: str) -> str:
    first, second = pair.split("-")
    if first == second:
        raise ValueError("the two languages of a pair must differ")
    return pair


def _is_web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a server")
    return url


def _stays_inside(path: str) -> str:
    if not path or "\\" in path or ":" in path or {"", ".", ".."} & set(path.split("/")):
        raise ValueError("must be a path inside data.root, such as eval/test.en.txt")
    return path


LanguagePair = Annotated[
    str, Field(pattern=r"^[a-z]{2,3}-[a-z]{2,3}$"), AfterValidator(_languages_differ)
]
WebAddress = Annotated[str, AfterValidator(_is_web_address)]
InnerPath = Annotated[str, AfterValidator(_stays_inside)]


class SourceConfig(Section):
    """One source of sentence pairs; its name in reports is the file name without endings."""

    path: str | tuple[str, str] = Field(description="one TSV or JSONL file, or two aligned files")
    languages: tuple[Language, Language]
    weight: float = Field(1.0, gt=0, description="share of its language pair: weight x pairs")
    synthetic: Language | None = Field(
        None, description="language whose side a machine wrote: no target of training"
    )
    distil: bool = Field(False, description="what a machine wrote is a target all the same")
    format: Literal["auto", "tsv", "moses", "jsonl"] = "auto"
    licence: str = Field("not stated", description="told in the card of a model trained on it")

    @property
    def paths(self) -> tuple[str, ...]:
        """The file, or the two aligned files."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @property
    def kind(self) -> str:
        """The format, told from the path where it is `auto`."""
        if self.format != "auto":
            return self.format
        if not isinstance(self.path, str):
            return "moses"
        return "jsonl" if self.path.removesuffix(".gz").endswith((".jsonl", ".ndjson")) else "tsv"

    @property
    def name(self) -> str:
        """A name for reports and shards."""
        stem = Path(self.paths[0]).name
        for ending in (".gz", ".tsv", ".txt", ".jsonl", ".ndjson"):
            stem = stem.removesuffix(ending)
        return f"{stem}.{'-'.join(self.languages)}" if self.kind != "tsv" else stem

    @model_validator(mode="after")
    def _consistent(self) -> SourceConfig:
        if (self.kind == "moses") == isinstance(self.path, str):
            raise ValueError("moses takes two aligned files as path, tsv and jsonl take one")
        if self.languages[0] == self.languages[1]:
            raise ValueError("the two languages of a source must differ")
        if self.synthetic not in (None, *self.languages):
            raise ValueError(f"synthetic must be one of {', '.join(self.languages)}")
        if self.distil and self.synthetic is None:
            raise ValueError("distil needs synthetic: the language whose side a machine wrote")
        return self


class CleaningConfig(Section):
    """Limits of the cleaning rules; a rule that is not named in `rules` does not run."""

    rules: tuple[str, ...] = (
        "empty",
        "too_long",
        "length_ratio",
        "wrong_script",
        "identical",
        "held_out",
        "duplicate",
    )
    max_words: int = Field(100, ge=1)
    max_characters: int = Field(600, ge=1)
    max_length_ratio: float = Field(3.0, gt=1)
    min_script_share: float = Field(0.6, ge=0, le=1)
    bad_lines: Literal["error", "drop"] = Field(
        "error", description="a line with wrong columns, bad JSON or invalid UTF-8"
    )


class VocabularyConfig(Section):
    """The shared SentencePiece vocabulary."""

    from_model: str | None = Field(
        None,
        description="model directory whose vocabulary to take, such as one to start from; "
        "languages that it lacks add pieces to it, up to `size`",
    )
    size: int = Field(8000, ge=64, le=65536, description="pieces of a new or extended vocabulary")
    characters_per_language: int = Field(8_000_000, ge=100)
    max_repeats: int = Field(10, ge=1, description="how often a thin language may be repeated")


class DataConfig(Section):
    """Where raw text comes from, and where the prepared corpus goes."""

    directory: str = Field(description="the prepared corpus")
    root: str = Field(
        ".",
        description="folder that paths start from; a source may be in the working folder as well",
    )
    sources: tuple[SourceConfig, ...] = Field(min_length=1)
    exclude: tuple[str, ...] = Field((), description="held-out files; patterns such as eval/*.gz")
    cleaning: CleaningConfig = CleaningConfig()
    vocabulary: VocabularyConfig = VocabularyConfig()

    @field_validator("sources")
    @classmethod
    def _unique(cls, sources: tuple[SourceConfig, ...]) -> tuple[SourceConfig, ...]:
        names = [source.name for source in sources]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sources with the same name: {', '.join(twice)}")
        return sources


class PairsConfig(Section):
    """Language pairs of a public corpus: each becomes CORPUS.en-es.tsv.gz under data.root."""

    pairs: tuple[LanguagePair, ...] = Field(min_length=1, description="columns in this order")
    validation: int = Field(0, ge=0, description="pairs put into eval/CORPUS-valid.en-es.tsv.gz")
    test: int = Field(0, ge=0, description="pairs put into eval/CORPUS-test.en-es.tsv.gz")


class TatoebaConfig(PairsConfig):
    """The weekly exports of tatoeba.org."""

    licence: str = "CC BY 2.0 FR"
    attribution: str = "contributors of tatoeba.org"


class OpusConfig(PairsConfig):
    """A corpus of the OPUS collection, https://opus.nlpl.eu."""

    corpus: str = Field(pattern=r"^\w[\w.-]*$", description="as OPUS spells it")
    version: str = Field(pattern=r"^\w[\w.-]*$")
    licence: str
    attribution: str = "OPUS (Tiedemann 2012)"


class FilesConfig(Section):
    """Any other file of the web, or members of an archive (.zip, .tar, .tar.gz, .tar.bz2)."""

    name: str = Field(pattern=r"^\w[\w. -]*$", description="in the list of licences")
    url: WebAddress
    sha256: str | None = Field(None, pattern=r"^[0-9a-f]{64}$")
    files: dict[InnerPath, str | tuple[str, str] | None] = Field(
        min_length=1,
        description="file to write: the member of the archive, two aligned members to join as "
        "columns, or null for the whole download",
    )
    licence: str
    attribution: str = "not stated"


class FetchConfig(Section):
    """Public corpora that `macaronic fetch` brings to data.root."""

    mirror: WebAddress | None = Field(
        None, description="folder of copies: HOST/PATH under it in place of https://HOST/PATH"
    )
    tatoeba: TatoebaConfig | None = None
    opus: tuple[OpusConfig, ...] = ()
    files: tuple[FilesConfig, ...] = ()


class ModelConfig(Section):
    """Architecture of the Transformer."""

    d_model: int = Field(256, ge=8)
    heads: int = Field(4, ge=1)
    ffn: int = Field(1024, ge=8)
    encoder_layers: int = Field(6, ge=1)
    decoder_layers: int = Field(2, ge=1)
    norm: Literal["post", "pre"] = "post"
    activation: Literal["relu", "gelu", "swish"] = "relu"
    max_length: int = Field(256, ge=8, le=4096, description="pieces of a sentence, all included")

    @model_validator(mode="after")
    def _divisible(self) -> ModelConfig:
        if self.d_model % (2 * self.heads):
            raise ValueError("d_model must be a multiple of twice the heads")
        return self


class OptimizerConfig(Section):
    """The optimiser and its schedule: warm-up, constant, linear decay to the end of the budget."""

    name: Literal["adamw", "muon"] = Field(
        "adamw", description="muon: for the linear maps, and AdamW for the rest"
    )
    learning_rate: float = Field(1e-3, gt=0)
    warmup_steps: int = Field(500, ge=0)
    decay_share: float = Field(0.3, ge=0, le=1, description="last part of the budget that decays")
    momentum: float = Field(0.95, ge=0, lt=1, description="of Muon")
    beta1: float = Field(0.9, ge=0, lt=1, description="of AdamW, as are beta2 and epsilon")
    beta2: float = Field(0.98, ge=0, lt=1)
    epsilon: float = Field(1e-9, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    clip_norm: float = Field(1.0, gt=0)


class AlignmentConfig(Section):
    """Guided alignment: one cross-attention head learns where a lexicon of the corpus points."""

    weight: float = Field(0.0, ge=0, description="of its loss against that of translation; 0: off")
    max_pairs: int = Field(200_000, ge=1, description="of each source, to count the lexicon from")


class BackTranslationConfig(Section):
    """Online back-translation: sources for untrained directions, made by the model."""

    share: float = Field(0.0, ge=0, le=1, description="of the batches; 0: off")
    start: float = Field(0.7, ge=0, le=1, description="used share of the budget where it begins")
    thin: tuple[Language, ...] = Field(
        (), description="languages with little text: sources in them for trained directions too"
    )


class TrainingConfig(Section):
    """One training run."""

    directory: str = Field(description="checkpoints, logs and the finished model")
    directions: tuple[Direction, ...] | None = Field(
        None, description="trained directions; all pairs of the corpus both ways if absent"
    )
    max_steps: int | None = Field(None, ge=1)
    max_minutes: float | None = Field(None, gt=0)
    clock: Literal["wall", "cpu"] = Field(
        "wall", description="of the minutes; cpu: CPU time a thread, the same on a busy machine"
    )
    batch_tokens: int = Field(2500, ge=16, description="target pieces a batch, padding included")
    accumulation: int = Field(1, ge=1, description="batches a step")
    pool_examples: int = Field(200_000, ge=1, description="examples sorted by length together")
    max_pieces: int = Field(100, ge=1, description="longer pairs are left out of training")
    noise: float = Field(
        0.0, ge=0, le=1, description="share of batches of faulty sources: case, end mark or a slip"
    )
    masks: float = Field(
        0.0, ge=0, le=1, description="share of batches with {1} for what both sides hold alike"
    )
    temperature: float = Field(5.0, ge=1, description="directions ~ pairs ** (1 / temperature)")
    label_smoothing: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    optimizer: OptimizerConfig = OptimizerConfig()
    alignment: AlignmentConfig = AlignmentConfig()
    back_translation: BackTranslationConfig = BackTranslationConfig()
    ema_decay: float = Field(0.999, ge=0, lt=1, description="0 keeps the raw weights")
    dtype: Literal["auto", "bfloat16", "float32"] = Field(
        "auto", description="of matrix products; auto: bfloat16 where the hardware multiplies it"
    )
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    compile: Literal["off", "default", "reduce-overhead", "max-autotune"] = Field(
        "off", description="mode of torch.compile; gains on a GPU, none was found on a CPU"
    )
    threads: int = Field(0, ge=0, description="CPU threads; 0 shares all cores among the ranks")
    seed: int = Field(1, ge=0)
    log_every: int = Field(20, ge=1)
    save_every_minutes: float = Field(5.0, ge=0, description="0 saves after every step")
    validate_every_minutes: float = Field(20.0, gt=0)
    validation: tuple[str, ...] = Field(
        (), description="TSV files named *.en-es.tsv(.gz), under data.root; each both ways"
    )
    validation_sentences: int = Field(200, ge=1, description="of each file")
    patience: int = Field(0, ge=0, description="validations without gain before stopping; 0: never")

    @model_validator(mode="after")
    def _budget(self) -> TrainingConfig:
        if self.max_steps is None and self.max_minutes is None:
            raise ValueError("a budget is needed: max_steps, max_minutes or both")
        return self


class Config(Section):
    """All settings of one model."""

    name: str = Field(pattern=r"^[\w.-]+$")
    languages: tuple[Language, ...] = Field(min_length=2)
    data: DataConfig
    fetch: FetchConfig = FetchConfig()
    model: ModelConfig = ModelConfig()
    training: TrainingConfig

    @model_validator(mode="after")
    def _known_languages(self) -> Config:
        used = {code for source in self.data.sources for code in source.languages}
        used |= {c for d in self.training.directions or () for c in d.split(">")}
        used |= set(self.training.back_translation.thin)
        if unknown := sorted(used - set(self.languages)):
            raise ValueError(f"not among the languages: {', '.join(unknown)}")
        if self.training.max_pieces > self.model.max_length - 2:
            raise ValueError("training.max_pieces must be at least 2 below model.max_length")
        return self


def load_config(path: Path, overrides: Sequence[str] = ()) -> Config:
    """All settings of a model from a YAML file and `section.key=value` overrides; ConfigError."""
    return load(Config, path, overrides)
