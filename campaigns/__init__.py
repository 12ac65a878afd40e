"""Messages: from CleverTap's request to the last report on each, and the counts that stats read.

models    messages, attempts, events, refusals, links, counts
counting  deltas, points, buckets: how counts are written
ledger    what may be written about a message, and when its status moves
intake    CleverTap's requests
sending   the queue that goes to the BSPs; resends and tests
links     short links and their clicks
log       the message log in the admin
"""
