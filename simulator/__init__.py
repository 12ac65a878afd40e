"""A fake BSP and a fake CleverTap: for the demo, the tests and the benchmarks.

It shares no code with the rest of Waypost, so that the two cannot share a mistake about a wire format.
"""
