"""Bit fields for handmade codec headers, as text of 0 and 1."""

from __future__ import annotations


def u(value: int, size: int) -> str:
    """Return `value` in `size` bits."""
    return f"{value:0{size}b}"


def ue(value: int) -> str:
    """Return an unsigned Exp-Golomb code."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def se(value: int) -> str:
    """Return a signed Exp-Golomb code."""
    return ue(2 * value - 1 if value > 0 else -2 * value)


def octets(*fields: str) -> bytes:
    """Return the concatenated fields, padded with zeros to whole bytes."""
    text = "".join(fields)
    text += "0" * (-len(text) % 8)
    return int(text or "0", 2).to_bytes(len(text) // 8, "big")
