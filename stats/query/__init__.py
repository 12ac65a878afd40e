"""What is asked for, and the answers from the counts.

filters          what a URL asks for → Filters
figures          the figures, defined; rates, changes, how far two differ
errors           advice for each of CleverTap's codes
breakdowns       totals, and figures by campaign, template, provider, variant
details          errors by code, pages clicked, times
series           the trend by minute, hour or day
messages_behind  the messages that a figure counts
count_sql        the statements behind all of these; span_ranges cuts their ranges into spans
recount          the counts once more, from the rows: what `manage.py audit` compares
"""
