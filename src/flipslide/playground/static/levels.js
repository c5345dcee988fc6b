export const LEVELS = {
  "flip": {
    "title": "The flip", "kind": "signal", "x": [[4, 6]], "w": [[2, 3]], "values": [0, 5], "taps": [-2, 3], "least": 2, "first": true,
    "task": "Convolve x with w, whole windows only (valid).",
    "mistakes": [
      {"say": "You did not flip w: turn it around before it slides.", "why": "The sum is w[j]·x[n − j]: as j counts up, the sample counts down, so the last tap lies over the first sample of the window.", "operation": "correlate"},
      {"say": "You lost a minus sign of w.", "why": "A negative tap takes its sample away: (−1)·3 is −3, and −3 is what is added.", "w": "abs"},
      {"say": "You began with windows that stick out of x. Valid takes whole windows only.", "why": "The first window that lies wholly over x ends at x[K − 1], with K taps. Its result is y[0].", "mode": "full"}
    ]
  },
  "pad": {
    "title": "Padding", "kind": "signal", "x": [[3, 4]], "w": [[2, 3]], "values": [0, 5], "taps": [-2, 3], "least": 2, "first": true,
    "modes": ["same", "full"], "boundaries": ["zero", "zero", "edge", "mirror", "symmetric", "wrap"],
    "task": "Convolve x with w in mode {mode}. Outside of x: {boundary}.",
    "mistakes": [
      {"say": "You did not flip w: turn it around before it slides.", "why": "The sum is w[j]·x[n − j]: as j counts up, the sample counts down, so the last tap lies over the first sample of the window.", "operation": "correlate"},
      {"say": "You kept whole windows only. Here windows may stick out of x.", "why": "Full takes each window that touches x, N + K − 1 of them, and same as many as x has. Some of them stick out.", "mode": "valid"},
      {"say": "You began with the first number of full. Same takes the middle ones.", "why": "Full has K − 1 numbers more than x. Same leaves half of them out at each end, so it does not begin with the first.", "mode": "full", "take": "head", "when": "same"},
      {"say": "You took the numbers one place later, as MATLAB does. Here the earlier of the two middles counts.", "why": "With an even number of taps an odd number of places is too many. NumPy and SciPy leave the smaller half out in front.", "mode": "full", "take": "late", "when": "same"},
      {"say": "You put zeros outside of x. Here it goes on by another rule.", "why": "The rule says which sample stands where there is none. Write these numbers beside x first, then slide.", "boundary": "zero"},
      {"say": "You went on with the sample at the border. Here the rule is another.", "why": "Write the numbers beside x as the rule says, a few at each end, then slide.", "boundary": "edge"},
      {"say": "You left the border sample out of the mirror image. Symmetric repeats it.", "why": "The mirror of symmetric stands between two places, beside the border sample: c b a | a b c.", "boundary": "mirror"},
      {"say": "You repeated the border sample in the mirror image. Mirror leaves it out.", "why": "The mirror of mirror stands on the border sample itself: c b | a b c.", "boundary": "symmetric"},
      {"say": "You went on with the other end of x. Here it goes on by another rule.", "why": "Only wrap goes round in a circle. Write the numbers beside x as the rule says, then slide.", "boundary": "wrap"}
    ]
  },
  "size": {
    "title": "Sizes", "kind": "size", "n": [7, 40], "k": [2, 7], "padding": [0, 3], "strides": [1, 2, 3], "dilations": [1, 1, 2], "least": 3, "fewest": 1,
    "task": "A row of {n} samples, padded with {padding} on each side, meets {k} taps with dilation {dilation}, in steps of {stride}. How many results are there?",
    "mistakes": [
      {"say": "You rounded up. A window that does not fit whole is left out.", "why": "Rounded up, the last window would begin where fewer than its span are left.", "size": "up"},
      {"say": "You forgot the + 1: the first window stands there before any step.", "why": "The quotient counts steps. One step has two windows: where it begins and where it ends.", "size": "bare"},
      {"say": "You counted the padding once. It is on both sides.", "why": "So many zeros before x, and as many after it: the row becomes longer by twice the padding.", "size": "once"},
      {"say": "You forgot that dilation spreads the taps.", "why": "Between neighbouring taps are dilation − 1 gaps, so k taps span d·(k − 1) + 1 places.", "size": "narrow"},
      {"say": "You forgot the stride.", "why": "The window moves by the stride, so the places to go are divided by it before they are counted.", "size": "still"}
    ]
  },
  "stride": {
    "title": "Stride and dilation", "kind": "signal", "x": [[7, 9]], "w": [[2, 3]], "values": [0, 5], "taps": [-2, 3], "least": 2, "first": true,
    "strides": [2, 3], "dilations": [1, 2],
    "task": "Convolve x with w, whole windows only (valid), with stride {stride} and dilation {dilation}.",
    "mistakes": [
      {"say": "You did not flip w: turn it around before it slides.", "why": "The sum is w[j]·x[n − j]: as j counts up, the sample counts down, so the last tap lies over the first sample of the window.", "operation": "correlate"},
      {"say": "You moved the window by one place. The stride is more.", "why": "With stride s window m begins s·m places on: results in between are never made.", "stride": 1},
      {"say": "You laid the taps side by side. Dilation leaves gaps between them.", "why": "With dilation 2 the taps meet every second sample, and the window is wider than it has taps.", "dilation": 1},
      {"say": "Your first window began one place too late.", "why": "The first window begins at the first sample; strides are counted from there.", "stride": 1, "take": "later"}
    ]
  },
  "plane": {
    "title": "Two dimensions", "kind": "signal", "x": [[3, 3], [3, 4]], "w": [[2, 2], [2, 2]], "values": [0, 4], "taps": [-2, 3], "least": 4, "first": true,
    "task": "Convolve the picture x with w, whole windows only (valid).",
    "mistakes": [
      {"say": "You did not turn w: it lies over x by half a turn.", "why": "Along both axes the index of x counts down as that of w counts up: w[0, 0] meets the sample lower right.", "operation": "correlate"},
      {"say": "You mirrored w left to right only. Half a turn mirrors both ways.", "why": "Each axis has its own flip: rows change their order too.", "operation": "correlate", "w": "sideways"},
      {"say": "You mirrored w upside down only. Half a turn mirrors both ways.", "why": "Each axis has its own flip: columns change their order too.", "operation": "correlate", "w": "upside"},
      {"say": "You exchanged the rows and the columns of w.", "why": "The first index is the row. A flip reverses the order of rows and of columns; it does not exchange them.", "w": "transpose"},
      {"say": "You lost a minus sign of w.", "why": "A negative tap takes its sample away: (−1)·3 is −3, and −3 is what is added.", "w": "abs"}
    ]
  },
  "layer": {
    "title": "A layer", "kind": "layer", "channels": [2, 2], "filters": [1, 1], "x": [[3, 3], [3, 3]], "w": [[2, 2], [2, 2]], "values": [0, 3], "taps": [-1, 2], "biases": [1, 3], "least": 4, "first": true,
    "strides": [1, 2], "pads": [0, 1],
    "task": "A layer with two input channels and one filter, stride {stride}, padding {padding}. Layers do not flip. What is y?",
    "mistakes": [
      {"say": "You flipped w. Layers do not.", "why": "Layers learn their taps, so a flip would change nothing but their names: every framework leaves it out.", "w": "turn"},
      {"say": "You forgot the bias.", "why": "Each filter adds one number of its own to all its results.", "bias": "none"},
      {"say": "You added the bias for each channel. It is added once.", "why": "The sums of the channels are added first, then the bias, once for each result.", "bias": "each"},
      {"say": "You used the first channel only. The sum runs over both.", "why": "A filter is as deep as its input: it has taps for each channel, and all products make one sum.", "channels": "first"},
      {"say": "You lost a minus sign of w.", "why": "A negative tap takes its sample away: (−1)·3 is −3, and −3 is what is added.", "w": "abs"}
    ]
  },
  "gradient": {
    "title": "Gradients", "kind": "gradient", "x": [[4, 5]], "w": [[2, 3]], "values": [0, 4], "taps": [-2, 3], "least": 2, "first": true,
    "asks": ["dw", "dx"],
    "task": "y is x convolved with w (valid), and L = Σ dy·y. What is {ask}?",
    "mistakes": [
      {"say": "You forgot the flip: the last tap meets the first sample of each window.", "why": "A gradient goes back along the arrows of the forward sum, and these are flipped.", "operation": "correlate"},
      {"say": "You left dy out: each arrow carries dy of its result.", "why": "If y[m] grows by ε, L grows by dy[m]·ε. Only with dy = 1 everywhere may it be left out.", "dy": "ones"},
      {"say": "You kept one arrow only. Where several arrows leave a number, what comes back adds up.", "why": "A sample or tap that is used three times changes three results, and L through each of them.", "fold": "last"}
    ]
  },
  "col2im": {
    "title": "Columns to a row (col2im)", "kind": "col2im", "x": [[2, 3], [3, 4]], "w": [[1, 1]], "values": [1, 5], "taps": [1, 1], "least": 3, "first": true,
    "task": "Each column of C belongs to one window of a row, and each window begins one place after the one before. Add the columns back (col2im). What row comes out?",
    "mistakes": [
      {"say": "You wrote over what was there. Columns are added: += and not =.", "why": "Windows overlap, so a place gets something from several columns: their sum.", "fold": "last"},
      {"say": "You kept what was written first. Columns are added.", "why": "Windows overlap, so a place gets something from several columns: their sum.", "fold": "first"},
      {"say": "You read the rows of C as its columns.", "why": "A column of C is one window, from top to bottom; the next column is the next window.", "fold": "transposed"},
      {"say": "You laid the columns end to end. Their windows overlap.", "why": "Each window begins one place after the one before, so column c adds to the places c, c + 1, ….", "fold": "apart"}
    ]
  }
};
