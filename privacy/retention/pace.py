"""How much to delete in one step: so little that other writers do not notice. Pure."""

from dataclasses import dataclass

# Milliseconds that a step may take: on SQLite all others who write wait so long.
LIMIT = {"sqlite": 50.0, "postgresql": 500.0}
FIRST = 10  # rows
MOST = {"sqlite": 500, "postgresql": 5_000}


@dataclass
class Pace:
    vendor: str
    rows: int = FIRST
    longest_ms: float = 0.0

    def took(self, rows: int, milliseconds: float) -> float:
        """Learns from a step. Returns how many seconds to let others write before the next."""
        self.longest_ms = max(self.longest_ms, milliseconds)
        aim = LIMIT[self.vendor] / 8  # a busy machine may stop us in the middle of a step
        if milliseconds > aim:
            self.rows = max(1, int(rows * aim / milliseconds))
        elif rows >= self.rows and milliseconds < aim / 2:
            self.rows = min(self.rows * 2, MOST[self.vendor])
        return milliseconds / 1000
