"""What is taken away by its age: some rows at a time, the oldest first, with a report."""
