"""Every error that is raised on purpose for users: a mistake they can understand and mend."""

from __future__ import annotations

from collections.abc import Iterable


class MacaronicError(Exception):
    """Base of all errors meant for users: the message names thing, rule and what is allowed."""


class ConfigError(MacaronicError):
    """A configuration file or override is wrong."""


class CorpusError(MacaronicError):
    """Raw text, held-out files or a prepared corpus cannot be used."""


class FetchError(MacaronicError):
    """A public corpus cannot be downloaded, or is not what it should be."""


class ModelError(MacaronicError):
    """A model directory is missing, incomplete or corrupt."""


class CheckpointError(MacaronicError):
    """A run directory cannot be resumed or started in."""


class NonFiniteLoss(MacaronicError):
    """Training produced a loss or gradient that is not a number."""


class LostRank(MacaronicError):
    """Another process of a data-parallel run has ended."""


class UnknownLanguage(MacaronicError):
    """A language that the model does not have."""

    def __init__(self, code: str, known: Iterable[str]) -> None:
        super().__init__(f"{code} is not supported: this model knows {', '.join(known)}")
        self.code = code


class InvalidMix(MacaronicError):
    """A target mix that is malformed."""


class InputTooLong(MacaronicError):
    """A sentence with more pieces than the model takes."""


class InvalidInput(MacaronicError):
    """Any other input that cannot be translated, such as bytes that are not UTF-8."""


class MissingDependency(MacaronicError):
    """A command needs an optional part of the installation."""
