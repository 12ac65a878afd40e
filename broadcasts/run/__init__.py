"""From a launch to messages of the ledger.

lifecycle  what an operator does: launch, pause, resume, end, cancel
worker     the queue of broadcasts, one small step at a time
planning   a row for each recipient before anything is sent
enrolment  events and dates that set messages off
releasing  recipients become messages, within `release_limits`
estimate   before a launch: what is missing, how many it would reach
results    how its messages fare, by the counts
clock      time zones and quiet hours
audit      counters recounted from the rows
"""
