"""Extraction of translatable strings from Django templates, for `pybabel extract`.

Babel reads only Python, and Django's `makemessages` needs GNU gettext. Named in `locale/babel.cfg`;
see "Extracting messages" in Babel's documentation for the interface.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any

from django.template.base import Lexer, Token, TokenType
from django.utils.translation import trim_whitespace
from django.utils.translation.template import (
    block_re,
    constant_re,
    endblock_re,
    inline_re,
    plural_re,
)

# Line, function, message or (singular, plural), translators' comments.
Message = tuple[int, str, str | tuple[str, str], list[str]]


def extract_django(
    fileobj: IO[bytes],
    keywords: Mapping[str, Any],
    comment_tags: Sequence[str],
    options: Mapping[str, Any],
) -> Iterator[Message]:
    """Yield every string of `{% translate %}`, `{% blocktranslate %}` and `_("...")`.

    `fileobj` is one template in UTF-8. Raises ValueError for an unclosed block.
    """
    tokens = iter(Lexer(fileobj.read().decode()).tokenize())
    for token in tokens:
        if token.token_type is TokenType.BLOCK and block_re.match(token.contents):
            yield _block(token, tokens)
        elif token.token_type is TokenType.BLOCK and (found := inline_re.match(token.contents)):
            yield _line(token), "gettext", found.group(1)[1:-1], []
        elif token.token_type in {TokenType.BLOCK, TokenType.VAR}:
            for constant in constant_re.findall(token.contents):
                yield _line(token), "gettext", constant[1:-1], []


def _block(start: Token, tokens: Iterator[Token]) -> Message:
    # Message ID as looked up by Django's own tag: `%` doubled, variables as %(name)s.
    trimmed = "trimmed" in start.split_contents()
    forms: list[list[str]] = [[]]
    for token in tokens:
        if token.token_type is TokenType.TEXT:
            forms[-1].append(token.contents.replace("%", "%%"))
        elif token.token_type is TokenType.VAR:
            forms[-1].append(f"%({token.contents})s")
        elif plural_re.match(token.contents):
            forms.append([])
        elif endblock_re.match(token.contents):
            texts = ["".join(form) for form in forms]
            if trimmed:
                texts = [trim_whitespace(text) for text in texts]
            if len(texts) == 1:
                return _line(start), "gettext", texts[0], []
            return _line(start), "ngettext", (texts[0], texts[1]), []
    raise ValueError(f"line {start.lineno}: {{% blocktranslate %}} is not closed")


def _line(token: Token) -> int:
    return token.lineno or 0
