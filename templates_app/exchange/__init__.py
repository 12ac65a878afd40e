"""Templates out of and into files: CSV, XLSX and JSON."""
