"""Multilingual neural machine translation that anybody can train, judge and serve."""

from nmt.decode.engine import DecodeOptions
from nmt.decode.glossary import Glossary
from nmt.decode.sentences import Hypothesis, Translation
from nmt.decode.translator import Translator, load_translator
from nmt.text.target_mix import TargetMix

__all__ = [
    "DecodeOptions",
    "Glossary",
    "Hypothesis",
    "TargetMix",
    "Translation",
    "Translator",
    "load_translator",
]
