"""The stats as JSON, its OpenAPI schema, and every table as a file."""
