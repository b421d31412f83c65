"""How near the trainer comes to what the processor's matrix products allow.

Measures the ceiling (products of the shapes that the model uses) and the trainer in turns in one
run, so that a busy machine slows both, and prints the share reached and where the rest goes.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from torch.profiler import ProfilerActivity, profile

from nmt.config import load_config
from nmt.data.batching import Batch, BatchStream
from nmt.model.layers import Linear
from nmt.text.tokenizer import PAD
from nmt.train.device import find_device, keep_freed_memory
from nmt.train.loop import Run, StepResult
from nmt.train.loss import ROWS_PER_BLOCK
from nmt.train.ranks import Ranks

# What the operations of a step are counted as; the rest is "other".
KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"),
    "softmax and loss": ("softmax", "aten::gather", "aten::scatter", "aten::exp"),
    "normalisation": ("layer_norm",),
    "optimiser": ("adamw", "aten::_foreach", "aten::lerp"),
    "copies": ("aten::copy_", "aten::cat", "aten::index", "aten::stack", "aten::fill_"),
    "element-wise": ("aten::add", "aten::mul", "aten::relu", "threshold", "aten::sub", "aten::div"),
}


@dataclass
class Round:
    """Medians of one round: the ceiling in FLOP/s, then the trainer beside it."""

    ceiling: float
    tokens_per_second: float
    flops_per_second: float
    padding: float

    @property
    def share(self) -> float:
        """The part of the ceiling that products over real tokens reach."""
        return self.flops_per_second / self.ceiling


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[SECTION.KEY=VALUE]...")
@click.option("--steps", default=60, show_default=True, help="Measured steps in each round.")
@click.option("--warmup", default=10, show_default=True, help="Steps before, not measured.")
@click.option("--rounds", default=3, show_default=True, help="Ceiling and trainer in turns.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(
    config: Path,
    overrides: tuple[str, ...],
    steps: int,
    warmup: int,
    rounds: int,
    json_path: Path | None,
) -> None:
    """Measure the training of CONFIG, whose corpus has to be prepared.

    Under torchrun all ranks look at the ceiling at the same time, and figures are those of all.

    \b
    Examples:
      python scripts/bench_training.py configs/multi30k.yaml training.threads=1
      torchrun --nproc-per-node 2 scripts/bench_training.py configs/multi30k.yaml
    """
    settings = load_config(config, overrides)
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder, Ranks(find_device(settings.training)) as ranks:
        training = settings.training.model_copy(update={"directory": folder})
        run = Run(settings.model_copy(update={"training": training}), False, ranks)
        measured = [measure(run, steps, warmup) for _ in range(rounds)]
        told = figures(run, measured)
        if ranks.is_first:
            click.echo("\n".join(f"{name:24} {value}" for name, value in told.items()))
            if json_path:
                tree = {**told, "rounds": [vars(r) for r in measured]}
                json_path.write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


def measure(run: Run, steps: int, warmup: int) -> Round:
    """One round: steps of the trainer between two looks at the ceiling."""
    before = ceiling(run)
    for _ in range(warmup):
        take_step(run)
    batches = CountedBatches(run.batches)
    run.batches = batches  # type: ignore[assignment]
    start = time.perf_counter()
    results = [take_step(run) for _ in range(steps)]
    seconds = time.perf_counter() - start
    target_tokens = sum(result.tokens for result in results)
    padded = sum(result.padded_tokens for result in results)
    source_tokens = batches.source_tokens * run.ranks.size  # the shares of ranks are alike
    return Round(
        ceiling=statistics.mean([before, ceiling(run)]),
        tokens_per_second=target_tokens / seconds,
        flops_per_second=step_flops(run, source_tokens, target_tokens) / seconds,
        padding=1 - target_tokens / padded,
    )


def take_step(run: Run) -> StepResult:
    """One step as `Run.loop` takes it."""
    result = run.step(run.config.training.optimizer.learning_rate)
    run.state.step += 1
    return result


class CountedBatches:
    """Batches, and how many real source tokens, tags included, they have had."""

    def __init__(self, batches: BatchStream) -> None:
        self._batches = batches
        self.source_tokens = 0

    def __next__(self) -> Batch:
        batch = next(self._batches)
        self.source_tokens += int((batch.source_BS != PAD).sum()) + len(batch.source_BS)
        return batch


def step_flops(run: Run, source_tokens: int, target_tokens: int) -> float:
    """Operations of the linear maps over real tokens: 2 a weight forward, 4 backward.

    Attention's own products and the optimiser's are left out: they count as time that is lost.
    """
    encoder, decoder = linear_weights(run)
    table = run.model.embedding.weight.numel()
    return 6 * (encoder * source_tokens + (decoder + table) * target_tokens)


def linear_weights(run: Run) -> tuple[int, int]:
    """Weights that each source token and each target token is multiplied with."""
    source = target = 0
    for name, module in run.model.named_modules():
        if isinstance(module, Linear):
            # Keys and values of cross-attention are made from source states.
            if name.startswith("encoder") or name.endswith("cross_attention.key_value"):
                source += module.weight.numel()
            else:
                target += module.weight.numel()
    return source, target


def ceiling(run: Run) -> float:
    """The best rate, in FLOP/s, of matrix products of a step's shapes, on all ranks together."""
    tokens = run.config.training.batch_tokens // run.ranks.size
    d, ffn = run.config.model.d_model, run.config.model.ffn
    vocab = run.tokenizer.vocab_size
    shapes = [(tokens, d, 3 * d), (tokens, d, d), (tokens, d, ffn), (tokens, ffn, d)]
    shapes += [(ROWS_PER_BLOCK, d, vocab)]
    return run.ranks.size * max(product_rate(run, shape) for shape in shapes)


def product_rate(run: Run, shape: tuple[int, int, int]) -> float:
    """FLOP/s of one product [rows, inner] x [inner, columns], the median of some."""
    rows, inner, columns = shape
    left = torch.randn(rows, inner, device=run.device, dtype=run.model.dtype)
    right = torch.randn(columns, inner, device=run.device, dtype=run.model.dtype).T
    times = []
    for _ in range(9):
        start = time.perf_counter()
        left @ right
        if run.device.type == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return 2 * rows * inner * columns / statistics.median(times)


def where_time_goes(run: Run, steps: int = 5) -> dict[str, float]:
    """Shares of the time of a few steps by kind of operation."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        start = time.perf_counter()
        for _ in range(steps):
            take_step(run)
        total = time.perf_counter() - start
    shares = dict.fromkeys(KINDS, 0.0)
    known = 0.0
    for event in profiler.key_averages():
        kind = kind_of(event.key)
        seconds = event.self_cpu_time_total / 1e6
        if kind:
            shares[kind] += seconds / total
            known += seconds
    return {**shares, "other": 1 - known / total}


def kind_of(operation: str) -> str | None:
    """The kind of an operation of the profiler, if it is a known one."""
    for kind, parts in KINDS.items():
        if any(part in operation for part in parts):
            return kind
    return None


def collective_seconds(run: Run) -> float:
    """The median time of adding up all gradients over the ranks."""
    times = []
    for _ in range(9):
        start = time.perf_counter()
        run.ranks.sum(run.gradients.flat)
        times.append(time.perf_counter() - start)
    run.gradients.clear()
    return statistics.median(times)


def figures(run: Run, rounds: list[Round]) -> dict[str, str]:
    """Medians over the rounds, as text."""

    def median(value: Callable[[Round], float]) -> float:
        return statistics.median(value(r) for r in rounds)

    settings = run.config.training
    parameters = sum(p.numel() for p in run.model.parameters())
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    shares = sorted(where_time_goes(run).items(), key=lambda item: -item[1])
    return {
        "parameters": f"{parameters:,}",
        "type of products": str(run.model.dtype).removeprefix("torch."),
        "ranks x threads": f"{run.ranks.size} x {torch.get_num_threads()}",
        "batch": f"{settings.batch_tokens:,} target pieces",
        "padding": f"{100 * median(lambda r: r.padding):.1f} %",
        "ceiling": f"{median(lambda r: r.ceiling) / 1e9:.1f} GFLOP/s",
        "trainer": f"{median(lambda r: r.flops_per_second) / 1e9:.1f} GFLOP/s over real tokens",
        "share of the ceiling": f"{100 * median(lambda r: r.share):.0f} %",
        "speed": f"{median(lambda r: r.tokens_per_second):,.0f} real target tokens/s",
        "peak memory of a rank": f"{megabytes:,.0f} MB",
        "sum of gradients": f"{1e3 * collective_seconds(run):.0f} ms of "
        f"{4e-6 * run.gradients.flat.numel():.0f} MB",
        **{f"time: {kind}": f"{100 * share:.1f} %" for kind, share in shares},
    }


if __name__ == "__main__":
    sys.exit(main())
