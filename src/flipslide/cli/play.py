"""`flipslide play`: a page where convolution can be touched."""

from __future__ import annotations

from contextlib import suppress

import click

from .streams import check_output, write_bytes

__all__ = ["command"]


@click.command("play", short_help="Open a page where convolution can be touched.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of the loopback address.  [default: any free one]"
)
@click.option("--no-browser", is_flag=True, help="Print the address and open nothing.")
@click.option("-o", "--output", help="Write the page to this file, or - for stdout, and serve nothing.")
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing output.")
def command(port: int, no_browser: bool, output: str | None, force: bool) -> None:
    """Edit the numbers of a convolution, slide its window, solve exercises.

    The page computes in the browser: nothing is fetched and nothing leaves this machine. It is
    served to this machine only, until Ctrl-C, or written as one file that opens by itself.

    \b
    flipslide play
    flipslide play -o play.html
    """
    if output is not None:
        _write(output, force)
    else:
        _serve(port, no_browser)


def _write(output: str, force: bool) -> None:
    from flipslide.playground import make_page

    check_output(output, is_text=True, force=force)
    write_bytes(output, make_page().encode(), force=force)


def _serve(port: int, no_browser: bool) -> None:
    import webbrowser

    from flipslide.playground import Server

    try:
        server = Server(port)
    except OSError as error:
        raise click.ClickException(f"port {port} cannot be opened: {error.strerror}; leave out --port") from None
    with server, suppress(KeyboardInterrupt):
        click.echo(f"{server.url}\nCtrl-C ends it.", err=True)
        if not no_browser:
            webbrowser.open(server.url)
        server.serve_forever()
