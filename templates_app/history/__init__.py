"""What happened to a template: its timeline, and what an edit or an import changed."""
