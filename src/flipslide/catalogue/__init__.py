"""The names of `flipslide.taps`: each a function that makes an array."""
