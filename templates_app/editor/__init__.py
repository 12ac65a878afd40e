"""Writing a template by hand, with its preview, and trying it out."""
