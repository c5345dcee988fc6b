"""The pictures of a trace. Each function gives frames, or none where they could not be read.

    steps     line.py, plane.py or layer.py: the flip, then one frame for every output
    scatter   scatter.py: every sample stamps a copy of w
    matrix    matrix.py: the call as a matrix times x
    columns   columns.py: im2col and col2im
    ruler     ruler.py: the length formula as a count of windows; full, same and valid

Nothing is computed here that a renderer would have to be trusted for: values come from the
trace, and what is counted is counted in front of the reader.
"""
