export const LEVELS = {
  "flip": {
    "title": "The flip", "kind": "signal", "x": [[4, 6]], "w": [[2, 3]], "values": [0, 5], "taps": [-2, 3], "least": 2, "first": true,
    "task": "Convolve x with w, whole windows only (valid).",
    "mistakes": [
      {"say": "You did not flip w: turn it around before it slides.", "operation": "correlate"},
      {"say": "You lost a minus sign of w.", "w": "abs"},
      {"say": "You began with windows that stick out of x. Valid takes whole windows only.", "mode": "full"}
    ]
  },
  "pad": {
    "title": "Padding", "kind": "signal", "x": [[3, 4]], "w": [[2, 3]], "values": [0, 5], "taps": [-2, 3], "least": 2, "first": true,
    "modes": ["same", "full"], "boundaries": ["zero", "zero", "edge", "mirror", "symmetric", "wrap"],
    "task": "Convolve x with w in mode {mode}. Outside of x: {boundary}.",
    "mistakes": [
      {"say": "You did not flip w: turn it around before it slides.", "operation": "correlate"},
      {"say": "You kept whole windows only. Here windows may stick out of x.", "mode": "valid"},
      {"say": "You began with the first number of full. Same takes the middle ones.", "mode": "full", "take": "head", "when": "same"},
      {"say": "You took the numbers one place later, as MATLAB does. Here the earlier of the two middles counts.", "mode": "full", "take": "late", "when": "same"},
      {"say": "You put zeros outside of x. Here it goes on by another rule.", "boundary": "zero"},
      {"say": "You went on with the sample at the border. Here the rule is another.", "boundary": "edge"},
      {"say": "You left the border sample out of the mirror image. Symmetric repeats it.", "boundary": "mirror"},
      {"say": "You repeated the border sample in the mirror image. Mirror leaves it out.", "boundary": "symmetric"},
      {"say": "You went on with the other end of x. Here it goes on by another rule.", "boundary": "wrap"}
    ]
  },
  "size": {
    "title": "Sizes", "kind": "size", "n": [7, 40], "k": [2, 7], "padding": [0, 3], "strides": [1, 2, 3], "dilations": [1, 1, 2], "least": 3, "fewest": 1,
    "task": "A row of {n} samples, padded with {padding} on each side, meets {k} taps with dilation {dilation}, in steps of {stride}. How many results are there?",
    "mistakes": [
      {"say": "You rounded up. A window that does not fit whole is left out.", "size": "up"},
      {"say": "You forgot the + 1: the first window stands there before any step.", "size": "bare"},
      {"say": "You counted the padding once. It is on both sides.", "size": "once"},
      {"say": "You forgot that dilation spreads the taps.", "size": "narrow"},
      {"say": "You forgot the stride.", "size": "still"}
    ]
  },
  "stride": {
    "title": "Stride and dilation", "kind": "signal", "x": [[7, 9]], "w": [[2, 3]], "values": [0, 5], "taps": [-2, 3], "least": 2, "first": true,
    "strides": [2, 3], "dilations": [1, 2],
    "task": "Convolve x with w, whole windows only (valid), with stride {stride} and dilation {dilation}.",
    "mistakes": [
      {"say": "You did not flip w: turn it around before it slides.", "operation": "correlate"},
      {"say": "You moved the window by one place. The stride is more.", "stride": 1},
      {"say": "You laid the taps side by side. Dilation leaves gaps between them.", "dilation": 1},
      {"say": "Your first window began one place too late.", "stride": 1, "take": "later"}
    ]
  },
  "plane": {
    "title": "Two dimensions", "kind": "signal", "x": [[3, 3], [3, 4]], "w": [[2, 2], [2, 2]], "values": [0, 4], "taps": [-2, 3], "least": 4, "first": true,
    "task": "Convolve the picture x with w, whole windows only (valid).",
    "mistakes": [
      {"say": "You did not turn w: it lies over x by half a turn.", "operation": "correlate"},
      {"say": "You mirrored w left to right only. Half a turn mirrors both ways.", "operation": "correlate", "w": "sideways"},
      {"say": "You mirrored w upside down only. Half a turn mirrors both ways.", "operation": "correlate", "w": "upside"},
      {"say": "You exchanged the rows and the columns of w.", "w": "transpose"},
      {"say": "You lost a minus sign of w.", "w": "abs"}
    ]
  },
  "layer": {
    "title": "A layer", "kind": "layer", "channels": [2, 2], "filters": [1, 1], "x": [[3, 3], [3, 3]], "w": [[2, 2], [2, 2]], "values": [0, 3], "taps": [-1, 2], "biases": [1, 3], "least": 4, "first": true,
    "strides": [1, 2], "pads": [0, 1],
    "task": "A layer with two input channels and one filter, stride {stride}, padding {padding}. Layers do not flip. What is y?",
    "mistakes": [
      {"say": "You flipped w. Layers do not.", "w": "turn"},
      {"say": "You forgot the bias.", "bias": "none"},
      {"say": "You added the bias for each channel. It is added once.", "bias": "each"},
      {"say": "You used the first channel only. The sum runs over both.", "channels": "first"},
      {"say": "You lost a minus sign of w.", "w": "abs"}
    ]
  },
  "gradient": {
    "title": "Gradients", "kind": "gradient", "x": [[4, 5]], "w": [[2, 3]], "values": [0, 4], "taps": [-2, 3], "least": 2, "first": true,
    "asks": ["dw", "dx"],
    "task": "y is x convolved with w (valid), and L = Σ dy·y. What is {ask}?",
    "mistakes": [
      {"say": "You forgot the flip: the last tap meets the first sample of each window.", "operation": "correlate"},
      {"say": "You left dy out: each arrow carries dy of its result.", "dy": "ones"},
      {"say": "You kept one arrow only. Where several arrows leave a number, what comes back adds up.", "fold": "last"}
    ]
  },
  "col2im": {
    "title": "Columns to a row (col2im)", "kind": "col2im", "x": [[2, 3], [3, 4]], "w": [[1, 1]], "values": [1, 5], "taps": [1, 1], "least": 3, "first": true,
    "task": "Each column of C belongs to one window of a row, and each window begins one place after the one before. Add the columns back (col2im). What row comes out?",
    "mistakes": [
      {"say": "You wrote over what was there. Columns are added: += and not =.", "fold": "last"},
      {"say": "You kept what was written first. Columns are added.", "fold": "first"},
      {"say": "You read the rows of C as its columns.", "fold": "transposed"},
      {"say": "You laid the columns end to end. Their windows overlap.", "fold": "apart"}
    ]
  }
};
