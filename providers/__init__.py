"""Who messages go through: a provider is one WABA number at one BSP.

`connectors` has one pure object for each BSP, `dialects` the wire formats, and `messages` the neutral
vocabulary between CleverTap's format and theirs. `models` has the provider and its credentials, `auth`
says who may call, `lifecycle` what is done with a provider, `pages` how the admin shows it, and `leases`
who works a queue right now.
"""
