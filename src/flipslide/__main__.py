"""`python -m flipslide` is `flipslide`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="flipslide")
