"""The compiled core. Only `execute`, `threads`, `costs`, `moments` and `pooling` import it."""

from . import _ext as _ext

__all__ = [
    "Pooling",
    "Runner",
    "Taps",
    "forget_calls",
    "isa",
    "isas",
    "kept_bytes",
    "methods",
    "new_result",
    "release_memory",
    "remember",
    "set_own_threads",
    "set_process_threads",
    "thread_limit",
    "vector_bytes",
    "window_moments",
    "window_scores",
]

Pooling = _ext.Pooling
Runner = _ext.Runner
Taps = _ext.Taps
forget_calls = _ext.forget_calls
isa = _ext.isa
isas = _ext.isas
kept_bytes = _ext.kept_bytes
methods = _ext.methods
new_result = _ext.new_result
release_memory = _ext.release_memory
remember = _ext.remember
set_own_threads = _ext.set_own_threads
set_process_threads = _ext.set_process_threads
thread_limit = _ext.thread_limit
vector_bytes = _ext.vector_bytes
window_moments = _ext.window_moments
window_scores = _ext.window_scores
