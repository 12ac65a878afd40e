"""The admin pages: a broadcast step by step, its test, its progress, its recipients; segments."""
