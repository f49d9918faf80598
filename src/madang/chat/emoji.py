"""Emoji, by the sequences of Unicode (TS 51, section 1.4.9)."""

from __future__ import annotations

import re
from typing import Final

_PICTOGRAPHS: Final = """
A9 AE 203C 2049 2122 2139 2194-2199 21A9-21AA 231A-231B 2328 2388 23CF 23E9-23F3 23F8-23FA 24C2
25AA-25AB 25B6 25C0 25FB-25FE 2600-2605 2607-2612 2614-2685 2690-2705 2708-2712 2714 2716 271D 2721
2728 2733-2734 2744 2747 274C 274E 2753-2755 2757 2763-2767 2795-2797 27A1 27B0 27BF 2934-2935
2B05-2B07 2B1B-2B1C 2B50 2B55 3030 303D 3297 3299 1F000-1F0FF 1F10D-1F10F 1F12F 1F16C-1F171
1F17E-1F17F 1F18E 1F191-1F19A 1F1AD-1F1E5 1F201-1F20F 1F21A 1F22F 1F232-1F23A 1F23C-1F23F
1F249-1F3FA 1F400-1F53D 1F546-1F64F 1F680-1F6FF 1F774-1F77F 1F7D5-1F7FF 1F80C-1F80F 1F848-1F84F
1F85A-1F85F 1F888-1F88F 1F8AE-1F8FF 1F90C-1F93A 1F93C-1F945 1F947-1FAFF 1FC00-1FFFD
"""
"""Code points with the property Emoji or Extended_Pictographic of Unicode 15, those reserved for
later emoji among them, without digits, regional indicators and modifiers (emoji-data.txt)."""

_CLASS: Final = "".join(
    "-".join(rf"\U{code.zfill(8)}" for code in part.split("-")) for part in _PICTOGRAPHS.split()
)
_ONE: Final = rf"[{_CLASS}](?:\ufe0f|[\U0001f3fb-\U0001f3ff])?"

FLAG_TAGS: Final = r"[\U000e0030-\U000e0039\U000e0061-\U000e007a]{3,6}\U000e007f"
"""Tags after a black flag: the code of a region, such as `gbsct`."""

SUBDIVISION_FLAG: Final = rf"\U0001f3f4{FLAG_TAGS}"
KEYCAP: Final = r"[0-9#*]\ufe0f?\u20e3"

EMOJI: Final = re.compile(
    rf"{SUBDIVISION_FLAG}|{KEYCAP}|[\U0001f1e6-\U0001f1ff]{{2}}|{_ONE}(?:\u200d{_ONE})*"
)
"""One emoji: a flag, a keycap, or pictographs joined by ZWJ with their modifiers."""
