"""What the pictures of all environments are drawn with: one size, one palette, and counts in words."""

from __future__ import annotations

WIDTH, HEIGHT = 720, 420
PAPER, INK, FAINT, PALE = (255, 255, 255), (40, 40, 40), (140, 140, 140), (228, 228, 228)
# Okabe and Ito's colours
BLUE, ORANGE, GREEN, VERMILION = (0, 114, 178), (230, 159, 0), (0, 158, 115), (213, 94, 0)
PURPLE, SKY = (204, 121, 167), (86, 180, 233)


def counted(number: float, noun: str) -> str:
    """ "1 variant", "2 variants"."""
    return f"{number:.0f} {noun}" + ("" if round(number) == 1 else "s")
