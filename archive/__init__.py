"""Messages, reports, inbound messages, prices and campaigns as Parquet files, for a warehouse and for good.

Above the apps whose rows it writes. `privacy` takes nothing away that is not written yet.
"""
