"""How a provider's templates fare: their states, their errors, and what CleverTap really sends."""
