"""How long a test waits for what never comes."""

# Seconds. A busy machine is late and no failure; whoever waits looks often, and goes on at once.
PATIENCE = 300.0
