"""Objects that are made before the first visitor asks for them."""

from __future__ import annotations

from typing import Any

import pytest

from madang.station.config.settings import Settings


def test_templates_and_addresses_are_there(
    station: Settings, committed_db: None, caplog: pytest.LogCaptureFixture
) -> None:
    from django.template import engines
    from django.urls import clear_url_caches, get_resolver

    from madang.station.roles import warmup

    django_engine: Any = engines["django"]
    loader = django_engine.engine.template_loaders[0]
    loader.reset()
    clear_url_caches()
    warmup.pages()
    compiled = {str(name) for name in loader.get_template_cache}
    assert {"home.html", "channel.html", "includes/player.html"} <= compiled
    resolver: Any = get_resolver()
    assert resolver._populated
    assert not caplog.records, "the request for the home page was a good one"
