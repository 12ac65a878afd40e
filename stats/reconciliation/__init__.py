"""Our figures beside those of CleverTap's campaign report, by day and campaign, and why they differ.

cells          numbers, days and campaign ids as spreadsheets write them
columns        which column of the file is what
reading        a file → lines by day and campaign
storage        reports kept; a new one replaces the same days and campaigns
loading        a worker reads them, with progress
our_figures    our figures for the same days and campaigns
facts          how often each cause of a difference happened
causes         what can explain a difference, and how far it does
comparing      both sides, the differences
verdicts       the totals, and the verdict
matching       reports and our figures → compared rows
hints          days that are missing or too early, a better time zone
zones          whether the days of another time zone would agree better
display        the rows as the page shows them
export_tables  the rows as a table and as JSON
forms          the forms of the upload
views          the page
upload_views   the steps of an upload
urls           where they are
"""
