"""How counts are kept: deltas in the transaction that causes them, folded into points; times in buckets."""
