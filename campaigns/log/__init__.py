"""The message log: finding messages, the page of one, its timeline, the export, test messages watched."""
