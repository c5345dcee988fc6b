"""The compiled core. Who may import it stands in the contracts of pyproject.toml."""

from . import _ext as _ext

__all__ = [
    "Question",
    "Pooling",
    "Runner",
    "Stream",
    "Taps",
    "USUAL_THREADS",
    "accuracy",
    "boundaries",
    "forget_calls",
    "isa",
    "isas",
    "kept_bytes",
    "methods",
    "most_scratch",
    "new_result",
    "outputs_redone",
    "release_memory",
    "remember",
    "set_own_accuracy",
    "set_own_threads",
    "set_prices",
    "set_process_accuracy",
    "set_process_threads",
    "store_whole",
    "sums",
    "thread_limit",
    "vector_bytes",
    "window_moments",
    "window_scores",
]

Question = _ext.Question
Pooling = _ext.Pooling
Runner = _ext.Runner
Stream = _ext.Stream
Taps = _ext.Taps
USUAL_THREADS = _ext.USUAL_THREADS
accuracy = _ext.accuracy
boundaries = _ext.boundaries
forget_calls = _ext.forget_calls
isa = _ext.isa
isas = _ext.isas
kept_bytes = _ext.kept_bytes
methods = _ext.methods
most_scratch = _ext.most_scratch
new_result = _ext.new_result
outputs_redone = _ext.outputs_redone
release_memory = _ext.release_memory
remember = _ext.remember
set_own_accuracy = _ext.set_own_accuracy
set_own_threads = _ext.set_own_threads
set_prices = _ext.set_prices
set_process_accuracy = _ext.set_process_accuracy
set_process_threads = _ext.set_process_threads
store_whole = _ext.store_whole
sums = _ext.sums
thread_limit = _ext.thread_limit
vector_bytes = _ext.vector_bytes
window_moments = _ext.window_moments
window_scores = _ext.window_scores
