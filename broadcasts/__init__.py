"""Broadcasts: campaigns that Waypost itself sends, to its own contacts.

contact_filters  whom a segment or a broadcast is for, as JSON and in words
people           filters as SQL, uploaded lists, the filter builder
message          templates with texts that name values; variants and the control group
run              planning, enrolling, releasing: from a launch to messages of the ledger
pages            the steps, the progress, the recipients, the segments in the admin
"""
