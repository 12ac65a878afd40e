"""What operations add to a provider's page: whether its set-up works, its health, what an outage left."""
