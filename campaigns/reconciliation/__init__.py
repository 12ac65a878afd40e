"""Our figures beside those of CleverTap's campaign report, by day and campaign, and why they differ.

cells      numbers, days and campaign ids as spreadsheets write them
columns    which column of the file is what
reading    a file → lines by day and campaign
storage    reports kept; a new one replaces the same days and campaigns
ours       our figures for the same days and campaigns
causes     what can explain a difference, and how far it does
facts      how often each cause happened
comparing  both sides, the differences, the verdict
zones      whether the days of another time zone would agree better
tables     the comparison as a table and as JSON
admin      the pages
"""
