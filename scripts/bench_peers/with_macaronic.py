"""Runs our own trainer on a job, with its ordinary settings (in the environment of the driver)."""

from __future__ import annotations

from pathlib import Path

from recorder import Recorder, read_job

from nmt.config import load_config
from nmt.train.device import compute_dtype
from nmt.train.loop import Run, StepResult, train


def main() -> None:
    """Train until the recorder has seen enough."""
    job = read_job()
    config = load_config(
        Path(job.corpus) / "macaronic.yaml",
        [
            f"training.directory={job.folder}/run",
            f"training.batch_tokens={job.batch_tokens}",
            f"training.threads={job.threads}",
            f"training.dtype={job.dtype}",
            "training.save_every_minutes=1000",
        ],
    )
    recorder = Recorder(job, str(compute_dtype(config.training)).removeprefix("torch."))
    plain_step = Run.step

    def watched_step(run: Run, rate: float, used: float = 0.0) -> StepResult:
        result = plain_step(run, rate, used)
        recorder.batch(run.model, result.tokens, result.padded_tokens)
        recorder.step()
        return result

    Run.step = watched_step  # type: ignore[method-assign, assignment]
    train(config)


if __name__ == "__main__":
    main()
