"""The stats pages.

views             each page; messages: the lists behind the numbers
page_view         what is around every page: who may look, the filter bar, the tabs
html_tables       tables whose headings sort and whose cells lead to what they count
error_tables      those of errors and the BSP's codes behind them
cards_and_charts  cards, the funnel, charts, variants compared
links             where a number leads
choices           what the filter bar offers while somebody types
"""
