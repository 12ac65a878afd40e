"""Figures: from the counts that the ledger writes to the pages, the API, commands and exports.

template_health  how a provider's templates fare
reconciliation   our figures beside those of CleverTap's campaign report
api              the figures as JSON, and as files
pages            the stats pages
tables           every table: its columns and rows, and how values are written
query            filters, figures, the SQL on counts, the messages behind a figure, the recount
tasks            what Celery does for the reports that are uploaded
models           CleverTap's reports as they were uploaded
"""
