"""What comes back from BSPs, and what CleverTap is owed.

models      webhooks, inbound messages, media, CleverTap's URLs, calls to them
webhooks    stored as they come in, read afterwards
replies     inbound messages, what they answer, the auto-reply
forwarding  reports and inbound messages on their way to CleverTap
media       the files of inbound messages, fetched once and kept
audit       whether all rows agree with each other
"""
