"""Every table of the stats, whoever shows it.

contents       columns and rows; stats.pages.html_tables renders them for pages
export_tables  rendered for JSON, CSV and XLSX
formatting     values as pages write them
"""
