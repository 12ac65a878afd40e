"""Django's PostgreSQL backend with a pool that knows at once when the database has been away."""
