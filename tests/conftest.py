"""Shared settings: Hypothesis without deadlines, since a shared machine stalls now and then."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.register_profile("quick", settings.get_profile("default"), max_examples=20)
settings.register_profile("thorough", settings.get_profile("default"), max_examples=1500)
settings.load_profile(os.environ.get("FLIPSLIDE_TEST_PROFILE", "default"))
