"""The health of a provider's templates: their states, their errors, and what CleverTap really sends."""
