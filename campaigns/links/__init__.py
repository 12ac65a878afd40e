"""Short links for tracked buttons, and what happens when somebody taps one."""
