"""The live line of a training run: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

from nmt.config import TrainingConfig
from nmt.train.checkpoint import TrainState


class TrainProgress:
    """Shows loss, speed and the used share of the budget on stderr."""

    def __init__(self, settings: TrainingConfig) -> None:
        self._log_every = settings.log_every
        is_terminal = sys.stderr.isatty()
        self._bar = tqdm(
            total=100.0,
            desc="training",
            disable=not is_terminal,
            bar_format="{n:5.1f} % {bar:20} [{elapsed}<{remaining}] {desc}",
        )
        self._reset()

    def step(
        self, state: TrainState, nll: float, tokens: int, padded_tokens: int, used: float
    ) -> None:
        """Take in one step with its mean `nll`; every `log_every` steps the line is renewed."""
        self._nll += nll * tokens
        self._tokens += tokens
        self._padded += padded_tokens
        if state.step % self._log_every:
            return
        speed = self._tokens / (time.monotonic() - self._since)
        line = (
            f"step {state.step:,}, {state.tokens / 1e6:.2f} M tokens, "
            f"{self._nll / self._tokens:.3f} nats/token, {speed:,.0f} tokens/s, "
            f"{100 * (1 - self._tokens / self._padded):.0f} % padding"
        )
        if self._bar.disable:
            print(f"{line}, {100 * used:.1f} % of budget", file=sys.stderr, flush=True)
        else:
            self._bar.n = min(100.0, 100 * used)
            self._bar.set_description_str(line)
        self._reset()

    def note(self, text: str) -> None:
        """Print a line that stays."""
        self._bar.write(text, file=sys.stderr)
        self._reset()

    def _reset(self) -> None:
        self._nll = 0.0
        self._tokens = self._padded = 0
        self._since = time.monotonic()

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._bar.close()
