"""Messages, reports, inbound messages, prices and campaigns as Parquet files, for a warehouse and for good.

Above the apps whose rows it writes. `privacy` deletes nothing that is not archived yet.
"""
