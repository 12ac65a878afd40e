"""Figures, from counts to what pages, the API, the command and exports show.

filters   what the URL asks for                 → Filters
figures   the figures, defined; rates; changes; A/B
queries   totals, and figures by campaign, template, provider, variant; errors; URLs
series    the trend by minute, hour or day
timing    how long messages take
tables    every table as columns and rows, for JSON, CSV and XLSX
behind    the messages behind any figure
errors    advice for each code

The pages, on top of these:

words     figures in words                      links   where a number leads
grid      tables of cells                       panels  cards, funnel, charts, variants compared
frame     what is around every page             pages   each page; pages_messages: the lists behind
"""
