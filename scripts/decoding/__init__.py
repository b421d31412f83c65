"""The parts of bench_decoding.py."""
