#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2025.2.9"]
# ///
"""The steps of .ci/run, for those who are used to nox."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "none"


@nox.session(default=True)
def lint(session: nox.Session) -> None:
    session.run(".ci/run", "lint", external=True)


@nox.session(default=True)
def symbols(session: nox.Session) -> None:
    session.run(".ci/run", "symbols", external=True)


@nox.session(default=True)
def sanitize(session: nox.Session) -> None:
    session.run(".ci/run", "sanitize", external=True)


@nox.session(default=True)
def isa(session: nox.Session) -> None:
    session.run(".ci/run", "isa", external=True)


@nox.session(default=True)
def aarch64(session: nox.Session) -> None:
    session.run(".ci/run", "aarch64", external=True)


@nox.session(default=True)
def wasm(session: nox.Session) -> None:
    session.run(".ci/run", "wasm", external=True)


@nox.session(name="repo-review", default=True)
def repo_review(session: nox.Session) -> None:
    session.run(".ci/run", "repo-review", external=True)


@nox.session(default=True)
def test(session: nox.Session) -> None:
    session.run(".ci/run", "test", external=True)


if __name__ == "__main__":
    nox.main()
