from __future__ import annotations

from io import BytesIO

import pytest

from madang.web.messages import Message, extract_django


def extract(template: str) -> list[Message]:
    return list(extract_django(BytesIO(template.encode()), {}, (), {}))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ('{% translate "On air" %}', "On air"),
        ("{% trans 'On air' as label %}", "On air"),
        ('{% include "x.html" with label=_("On air") %}', "On air"),
        ('{{ title|default:_("Untitled") }}', "Untitled"),
        ("{% blocktranslate %}Hello {{ name }}{% endblocktranslate %}", "Hello %(name)s"),
        ("{% blocktranslate %}100%{% endblocktranslate %}", "100%%"),
        (
            "{% blocktranslate with a=b trimmed %}\n  one\n  two {{ a }}\n{% endblocktranslate %}",
            "one two %(a)s",
        ),
    ],
)
def test_a_translatable_string_is_what_django_will_look_up(template: str, message: str) -> None:
    assert extract(template) == [(1, "gettext", message, [])]


def test_a_counted_block_has_two_forms() -> None:
    template = (
        "\n{% blocktranslate count n=n %}{{ n }} viewer"
        "{% plural %}{{ n }} viewers{% endblocktranslate %}"
    )
    assert extract(template) == [(2, "ngettext", ("%(n)s viewer", "%(n)s viewers"), [])]


def test_what_is_not_marked_is_not_extracted() -> None:
    assert extract('{% url "home" %}{{ title }}{# {% translate "old" %} #}Words') == []


def test_a_block_that_is_not_closed_is_refused() -> None:
    with pytest.raises(ValueError, match="line 1"):
        extract("{% blocktranslate %}Hello")
